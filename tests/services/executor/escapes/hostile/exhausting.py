"""A hostile job that takes all there is of one thing, named by its argument. Each runs as a job of its own."""

# ruff: noqa: PTH108, PTH123, SIM115

from __future__ import annotations

import ctypes
import json
import os
import resource
import signal
import socket
import sys
import tempfile
import threading
import time
from pathlib import Path

MB = 1 << 20


REACHED = open("reached.jsonl", "a", buffering=1)  # now: later there may be no descriptor left


def note(**figures: object) -> None:
    """For the test, which looks how far it got; the last line counts."""
    REACHED.write(json.dumps(figures) + "\n")


def fork_bomb() -> None:
    """From a process without torch: its forks are quick."""
    if "torch" in sys.modules:
        os.execv(sys.executable, [sys.executable, "-S", *sys.argv])
    made = 0
    while True:
        try:
            child = os.fork()
        except OSError as error:
            note(made=made, why=str(error))
            time.sleep(0.2)
            if made > 5:
                os._exit(7)
            continue
        if child == 0:
            time.sleep(600)
            os._exit(0)
        made += 1
        if made >= 5000:
            note(made=made, why="no limit")
            os._exit(0)


def threads() -> None:
    made = 0
    stop = threading.Event()
    threading.stack_size(1 << 16)
    try:
        while made < 5000:
            threading.Thread(target=stop.wait, daemon=True).start()
            made += 1
    except RuntimeError as error:
        note(made=made, why=str(error))
    else:
        note(made=made, why="no limit")
    os._exit(7)


def memory() -> None:
    """Touched, so that it is really there; and in children, so that no process alone is large."""
    held = []
    for _ in range(8):
        if os.fork() == 0:
            break
    while True:
        held.append(bytearray(os.urandom(4096)) * (8 * MB // 4096))
        note(pid=os.getpid(), megabytes=8 * len(held))
        time.sleep(0.01)


def memory_under_a_name_that_is_no_text() -> None:
    """Whoever reads it from /proc as text stumbles."""
    ctypes.CDLL(None).prctl(15, b"\xff\xfe")
    memory()


def memory_under_a_name_like_a_line() -> None:
    """Of /proc/pid/status, where a form feed is none of the kernel's line breaks."""
    ctypes.CDLL(None).prctl(15, b"\x0cSeccomp:\t0")
    memory()


def memory_in_flight() -> None:
    """Files without a name, which no process has open: they wait in a socket."""
    held = socket.socketpair()
    for number in range(100):
        file = os.memfd_create("x")
        os.write(file, bytes(64 * MB))
        socket.send_fds(held[0], [b"x"], [file])
        os.close(file)
        note(megabytes=64 * (number + 1))
        time.sleep(0.1)


def memory_out_of_sight() -> None:
    """It cannot be asked what it has open, if it was not root who asks."""
    ctypes.CDLL(None).prctl(4, 0)
    files = [os.memfd_create("x") for _ in range(100)]
    for number, file in enumerate(files):
        os.write(file, bytes(64 * MB))
        note(megabytes=64 * (number + 1))
        time.sleep(0.1)


def disk() -> None:
    _fill(Path("filled"))


def disk_by_many_files() -> None:
    for number in range(10**6):
        _fill(Path(f"filled.{number}"), most=16)


def shared_memory() -> None:
    _fill(Path("/dev/shm/filled"))


def temporary_folder() -> None:
    _fill(Path(tempfile.gettempdir()) / "filled")


def deleted_file() -> None:
    """It has no name any more, and takes its room all the same."""
    file = open("deleted", "wb")
    os.unlink("deleted")
    _fill_into(file.fileno(), 2000)


def many_deleted_files() -> None:
    """Each below the limit of one file, none with a name."""
    for number in range(40):
        descriptor = os.open(f"deleted.{number}", os.O_WRONLY | os.O_CREAT, 0o600)
        os.unlink(f"deleted.{number}")
        for _ in range(50):
            os.write(descriptor, os.urandom(MB))
        note(megabytes=50 * (number + 1))
        time.sleep(0.1)


def log_of_the_job() -> None:
    line = "x" * (MB // 2) + "\n"
    for written in range(4000):
        sys.stdout.write(line)
        if written % 50 == 0:
            note(megabytes=written / 2)


def _fill(path: Path, most: int = 2000) -> None:
    _fill_into(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), most)


def _fill_into(descriptor: int, most: int) -> None:
    block = os.urandom(MB)
    for written in range(most):
        try:
            os.write(descriptor, block)
        except OSError as error:
            note(megabytes=written, why=str(error))
            time.sleep(1)
            os._exit(7)
        if written % 16 == 0:
            note(megabytes=written)
            time.sleep(0.005)


def open_files() -> None:
    held: list[object] = []
    try:
        while len(held) < 300_000:
            held.append(open("/dev/null"))
    except OSError as error:
        note(held=len(held), why=str(error), limit=resource.getrlimit(resource.RLIMIT_NOFILE))
    else:
        note(held=len(held), why="no limit")
    os._exit(7)


def sockets() -> None:
    held = []
    try:
        while len(held) < 300_000:
            held.extend(socket.socketpair())
    except OSError as error:
        note(held=len(held), why=str(error))
    else:
        note(held=len(held), why="no limit")
    os._exit(7)


def time_beyond_its_end() -> None:
    """Deaf to all that can be ignored, it works on for ever."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGALRM):
        signal.signal(number, signal.SIG_IGN)
    while True:
        note(alive=time.monotonic())
        time.sleep(0.1)


if __name__ == "__main__":
    globals()[sys.argv[1]]()
