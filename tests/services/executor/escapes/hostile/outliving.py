"""A hostile job that leaves processes behind, each in a way of its own, and ends as its argument says.

Each process it leaves writes on and on into a file of the job's folder, and has the mark in its command line.
"""

# ruff: noqa: PTH109

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

TARGETS = json.loads(Path("targets.json").read_text())
CODE = (
    "import os, sys, time, signal\n"
    "[signal.signal(n, signal.SIG_IGN) for n in (1, 2, 3, 13, 14, 15, 10, 12)]\n"
    "while True:\n"
    "    open(sys.argv[2], 'w').write(str(time.time()))\n"
    "    time.sleep(0.05)\n"
)


def program(way: str) -> list[str]:
    return [sys.executable, "-S", "-c", CODE, TARGETS["mark"], f"{os.getcwd()}/alive.{way}"]


def child() -> None:
    subprocess.Popen(program("child"))


def session_of_its_own() -> None:
    subprocess.Popen(program("session_of_its_own"), start_new_session=True)


def forked_twice() -> None:
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.execv(sys.executable, program("forked_twice"))
        os._exit(0)


def nohup() -> None:
    subprocess.Popen(["nohup", *program("nohup")], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)


def shell_in_the_background() -> None:
    line = " ".join(f"'{part}'" for part in program("shell_in_the_background"))
    subprocess.run(["sh", "-c", f"setsid {line} & disown 2>/dev/null; exit 0"], check=False)


def stopped() -> None:
    """A stopped process does not get to signals but the last."""
    os.kill(subprocess.Popen(program("stopped"), start_new_session=True).pid, signal.SIGSTOP)


def forking_all_the_time() -> None:
    """By the time its id is found it has another one."""
    if os.fork() == 0:
        os.setsid()
        for number in range(100_000):
            if os.fork():
                os._exit(0)
            if number % 20 == 0:
                Path("alive.forking_all_the_time").write_text(str(time.time()))
            time.sleep(0.001)
        os._exit(0)


def parent_death_signal_taken_off() -> None:
    import ctypes

    if os.fork() == 0:
        ctypes.CDLL(None).prctl(1, 0, 0, 0, 0)
        os.setsid()
        os.execv(sys.executable, program("parent_death_signal_taken_off"))


def sibling() -> None:
    """A child not of the job but of its parent (CLONE_PARENT), which is outside of the sandbox."""
    import ctypes

    if ctypes.CDLL(None).syscall(56, 0x8000 | signal.SIGCHLD, None, None, None, None) == 0:
        os.execv(sys.executable, program("sibling"))


WAYS: tuple[Callable[[], None], ...] = (
    child, session_of_its_own, forked_twice, nohup, shell_in_the_background, stopped, forking_all_the_time,
    parent_death_signal_taken_off, sibling,
)  # fmt: skip

if __name__ == "__main__":
    for way in WAYS:
        way()
    time.sleep(1.5)
    Path("left.json").write_text(json.dumps([way.__name__ for way in WAYS]))
    if sys.argv[1] == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if sys.argv[1] == "stopped from outside":
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1):
            signal.signal(number, signal.SIG_IGN)
        time.sleep(600)
