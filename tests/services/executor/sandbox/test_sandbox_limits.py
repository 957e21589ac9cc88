"""Limits on memory, disk, processes and files, broken by real jobs."""

from __future__ import annotations

import contextlib
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cell import Warden, job, made

from services.executor.inventory.machine import Grant
from services.executor.sandbox.enter import KILL
from services.executor.sandbox.limits import Limits
from services.executor.sandbox.plan import plan

HOLD = "\nimport time\nopen('ready', 'w').close()\ntime.sleep(300)\n"
MAPPED = """
import ctypes, os
mmap = ctypes.CDLL(None).mmap
mmap.restype, mmap.argtypes = ctypes.c_void_p, [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long]
def mapped(f, size):
    assert mmap(None, size, 1, 1, f, 0) != ctypes.c_void_p(-1).value  # PROT_READ, MAP_SHARED
    os.close(f)
"""
UNLINKED_AND_MAPPED = (
    MAPPED + "for n in range(3):\n  f = os.open('x', os.O_RDWR | os.O_CREAT)\n  os.write(f, b'x' * 40_000_000)\n"
    "  os.unlink('x'); mapped(f, 40_000_000)"
)
IN_FLIGHT = """
import os, socket
def sent(f):
    socket.send_fds(held[0], [b"x"], [f])
    os.close(f)
held = socket.socketpair()
"""
PASSED_ON = (
    IN_FLIGHT
    + """
import threading, time
def sends():
    while True:
        f = os.open("passed", os.O_RDWR | os.O_CREAT)
        os.unlink("passed")
        sent(f)
        time.sleep(0.005)
def receives():
    while True:
        for f in socket.recv_fds(held[1], 1, 1)[1]: os.close(f)
for each in (sends, receives): threading.Thread(target=each).start()
"""
)
LOOK = """
import sys, time
from protocol.job import Job
from services.executor.inventory.machine import Grant
from services.executor.sandbox.limits import Limits
from services.executor.sandbox.plan import plan
made = Job.model_validate_json(sys.argv[1])
limits, until, told = Limits(made, plan(made, Grant())), time.monotonic() + float(sys.argv[3]), None
while told is None and time.monotonic() < until:
    told = limits.broken(int(sys.argv[2]))
    time.sleep(0.02)
print(told)
"""
NAMED = "import ctypes\ndef name(text): assert ctypes.CDLL(None).prctl(15, text) == 0\n"


@contextlib.contextmanager
def at_it(warden: Warden, script: str, needs: dict[str, Any]) -> Iterator[tuple[subprocess.Popen[str], Limits]]:
    """A job that holds what it has taken, and its limits."""
    folder = warden.job_folder()
    process = warden.start(script + HOLD, needs=needs)
    try:
        deadline = time.monotonic() + 60
        while not (folder / "ready").exists():
            assert process.poll() is None and time.monotonic() < deadline, process.communicate()
            time.sleep(0.02)
        held = job(folder, script + HOLD, needs=needs)
        yield process, Limits(held, plan(held, Grant()))
    finally:
        process.send_signal(KILL)
        process.communicate()


@pytest.mark.parametrize(
    "script",
    [
        "held = bytearray(b'x') * 500_000_000",
        "import os\nfor n in range(5):\n  if not os.fork(): held = bytearray(b'x') * 100_000_000; break",
        "open('/dev/shm/x', 'wb').write(b'x' * 390_000_000); held = b'x' * 100_000_000",
        "import os\nf = os.memfd_create('x')\nfor n in range(6): os.write(f, bytes(65_000_000))",
        "held = open('/dev/shm/x', 'wb'); held.write(b'x' * 390_000_000); import os; os.unlink('/dev/shm/x')",
        NAMED + "name(b'\\xff\\xfe'); held = bytearray(b'x') * 500_000_000",
        NAMED + "name(b'\\x0cSeccomp:\\t0'); held = bytearray(b'x') * 500_000_000",
        MAPPED + "f = os.memfd_create('x')\nfor n in range(7): os.write(f, bytes(65_000_000))\nmapped(f, 455_000_000)",
        "import mmap\nheld = mmap.mmap(-1, 450_000_000); held.write(bytes(450_000_000))\n"
        "held.madvise(mmap.MADV_DONTNEED)",
        "import ctypes, threading\nheld = bytearray(b'x') * 500_000_000\n"
        "def rest():\n  import time; time.sleep(0.5); open('ready', 'w').close(); time.sleep(300)\n"
        "threading.Thread(target=rest).start(); ctypes.CDLL(None).syscall(60, 0)",
    ],
    ids=[
        "memory",
        "forks",
        "shared memory",
        "memfd",
        "unlinked shared memory",
        "under a name that is no text",
        "under a name like a line of its status",
        "memfd that is only mapped",
        "shared memory that it does not look at",
        "first thread has ended",
    ],
)
def test_memory_is_counted_wherever_it_is_taken(script: str, warden: Warden) -> None:
    fork_settle = "\nimport time; time.sleep(1.0)"
    with at_it(warden, script + fork_settle, {"memory_gb": 0.4}) as (process, limits):
        told = limits.broken(process.pid)
        assert told is not None and told.startswith("memory limit 0.4 GB exceeded: 0."), told


def test_what_is_shared_is_counted_once(either: Warden) -> None:
    script = "import os\nheld = bytearray(b'x') * 150_000_000\nfor n in range(4):\n  if not os.fork(): break"
    with at_it(either, script, {"memory_gb": 0.4}) as (process, limits):
        assert limits.broken(process.pid) is None


@pytest.mark.parametrize(
    "script",
    [
        "for n in range(3): open(f'part{n}', 'wb').write(bytes(40_000_000))",
        "import os\nfor n in range(3): open(os.path.expanduser(f'~/{n}'), 'wb').write(b'x' * 40_000_000)",
        "open('/tmp/x', 'wb').write(b'x' * 90_000_000); open('y', 'wb').write(b'x' * 30_000_000)",
        "import os\nheld = [open(f'x{n}', 'wb', buffering=0) for n in range(3)]\n"
        "for f in held: f.write(b'x' * 40_000_000)\n"
        "for n in range(3): os.unlink(f'x{n}')",
        UNLINKED_AND_MAPPED,
    ],
    ids=["folder", "home", "/tmp", "unlinked", "unlinked and only mapped"],
)
def test_disk_is_counted_wherever_it_is_taken(script: str, warden: Warden) -> None:
    with at_it(warden, script, {"disk_gb": 0.1}) as (process, limits):
        told = limits.broken(process.pid)
        assert told is not None and told.startswith("disk limit 0.1 GB exceeded: 0.12 GB"), told


def looked(warden: Warden, process: subprocess.Popen[str], needs: dict[str, Any], seconds: float) -> str:
    """What limits the job breaks, as its own user's worker sees it."""
    held = job(warden.job_folder(), HOLD, needs=needs)
    return warden.python(LOOK, held.model_dump_json(), str(process.pid), str(seconds)).strip()


@pytest.mark.parametrize(
    ("script", "why"),
    [
        (UNLINKED_AND_MAPPED, "disk limit 0.1 GB exceeded: 0.12 GB"),
        (IN_FLIGHT + "for n in range(3): sent(os.open(f'x{n}', os.O_CREAT)); os.unlink(f'x{n}')", "3 are kept in"),
        (IN_FLIGHT + "sent(os.memfd_create('x'))", "1 are kept in flight"),
        (IN_FLIGHT + "import ctypes; ctypes.CDLL(None).prctl(4, 0)", "has made itself unreadable"),
    ],
    ids=["mapped", "files in flight", "memfd in flight", "unreadable"],
)
def test_a_worker_that_is_not_root_is_not_deceived(script: str, why: str, place: Path) -> None:
    warden, needs = made(place, ordinary=True, needed=True), {"memory_gb": 0.4, "disk_gb": 0.1}
    with at_it(warden, script, needs) as (process, _):
        assert why in looked(warden, process, needs, 10.0)


def test_what_an_ordinary_job_does_is_not_taken_for_hiding(either: Warden) -> None:
    ended = "\nimport subprocess, sys\nfor n in range(3): gone = subprocess.Popen([sys.executable, '-c', ''])"
    with at_it(either, PASSED_ON + ended, {"memory_gb": 4.0}) as (process, _):
        assert looked(either, process, {"memory_gb": 4.0}, 2.0) == "None"


def test_a_folder_so_deep_that_it_cannot_be_named_breaks_the_limit(either: Warden) -> None:
    script = (
        "import os\nhome = os.getcwd()\nfor n in range(400): os.mkdir('d' * 200); os.chdir('d' * 200)\nos.chdir(home)"
    )
    with at_it(either, script, {"disk_gb": 0.1}) as (process, limits):
        told = limits.broken(process.pid)
        assert told == "disk limit 0.1 GB exceeded: more files than can be looked at"
    folder = either.job_folder()
    subprocess.run(["rm", "-rf", str(folder)], check=True)


def test_a_file_ends_at_the_limit(either: Warden) -> None:
    script = """
import json
written, file = 0, open("big", "wb", buffering=0)
try:
    while written < 10**9: written += file.write(bytes(10**6))
except OSError as error: print(json.dumps([written, error.strerror]))
"""
    assert either.told(script, needs={"disk_gb": 0.05}) == [50_000_000, "File too large"]


def test_memory_that_grows_faster_than_anybody_looks_is_refused(either: Warden) -> None:
    script = """
import json
try: held = bytearray(3_000_000_000); print(json.dumps("it got it"))
except MemoryError: print(json.dumps("refused"))
"""
    assert either.told(script, needs={"memory_gb": 0.5}) == "refused"


def test_a_fork_bomb_stops_by_itself(either: Warden) -> None:
    script = """
import json, os, signal, time
count = 0
try:
    while True:
        if not os.fork(): time.sleep(300)
        count += 1
except OSError as error: print(json.dumps([count, error.strerror]))
"""
    count, why = either.told(script)
    assert why == "Resource temporarily unavailable"
    assert 100 < count < 600


def test_open_files_are_limited(either: Warden) -> None:
    script = """
import json, os
held = []
try:
    while True: held.append(os.dup(0))
except OSError as error: print(json.dumps([len(held) < 17000, error.strerror]))
"""
    assert either.told(script) == [True, "Too many open files"]
