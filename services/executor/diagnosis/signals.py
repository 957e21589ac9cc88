"""What the signal that ended a job names, when nothing says more. Numbers as on Linux (signal(7))."""

from __future__ import annotations

import signal

from protocol.job import Category

_CRASHES = {signal.SIGSEGV, signal.SIGBUS, signal.SIGABRT, signal.SIGILL, signal.SIGFPE, signal.SIGTRAP}
_OTHERS: dict[int, Category] = {
    signal.SIGXFSZ: "disk_full",
    signal.SIGXCPU: "time_out",
    signal.SIGSYS: "forbidden",
}
SHELL = 128
"""A shell or launcher between us and the job says a signal as 128 + its number."""
MEMORY_SHARE = 0.8
"""Of the machine's memory: a job that held so much when it got SIGKILL got it from the kernel, for want of memory."""


def signal_of(code: int | None, number: int | None) -> int | None:
    """The signal that ended a process, told directly or by a launcher."""
    if number is not None:
        return number
    if code is not None and SHELL < code <= SHELL + signal.NSIG:
        return code - SHELL
    return None


def category(number: int, memory_share: float) -> Category:
    """`memory_share`: the most that the job held of the machine's memory, 0 to 1."""
    if number in _CRASHES:
        return "crashed"
    if number == signal.SIGKILL and memory_share >= MEMORY_SHARE:
        return "host_out_of_memory"
    return _OTHERS.get(number, "killed")


def name(number: int) -> str:
    """`SIGSEGV`."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
