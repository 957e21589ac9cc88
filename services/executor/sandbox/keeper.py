"""What the processes around a sandboxed job have in common: signals, descriptors, how to end. Used by `enter` and by
`landlock`."""

from __future__ import annotations

import contextlib
import os
import signal
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

KILL = signal.SIGUSR2
"""To the keeper: end the job and all that it has started."""
KEPT: set[int] = {signal.SIGCHLD, signal.SIGUSR1, KILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP}
FAULT = 125
"""The keeper's exit code when the sandbox could not be entered; why goes to `report`."""


def reap(ended: dict[int, int], options: int = 0) -> None:
    """Whatever has ended, until there is no more: a job can make children of ours, too (CLONE_PARENT)."""
    with contextlib.suppress(ChildProcessError):
        while (found := os.waitpid(-1, options))[0]:
            ended[found[0]] = found[1]


def default_signals() -> None:
    """A SIGCHLD that was pending is gone after it (sigaction(2)): who has children looks at them once, then waits."""
    for number in KEPT:
        signal.signal(number, signal.SIG_DFL)


def pass_on(job: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        try:
            if number == signal.SIGUSR1:  # data loaders would die of it
                os.kill(job, number)
            else:
                os.killpg(job, number)
        except ProcessLookupError:  # not yet its own group's leader: it was forked this instant
            os.kill(job, number)


def end_as(status: int) -> NoReturn:
    """End with this wait status: the same exit code, or by the same signal."""
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        if number not in (signal.SIGKILL, signal.SIGSTOP):
            signal.signal(number, signal.SIG_DFL)
        _no_core()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {number})
        os.kill(os.getpid(), number)
    os._exit(os.WEXITSTATUS(status))


def _no_core() -> None:
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def fork(report: int, child: Callable[[], None]) -> int:
    pid = os.fork()
    if pid:
        return pid
    try:
        child()
    except BaseException as error:
        give_up(report, error)
    os._exit(0)


def close_all_but(kept: set[int], first: int = 3) -> None:
    """Every descriptor from `first` on; not by number, of which some machines allow a milliard."""
    for path in list(Path("/proc/self/fd").iterdir()):
        if int(path.name) >= first and int(path.name) not in kept:
            with contextlib.suppress(OSError):  # the one by which they were listed
                os.close(int(path.name))


def give_up(report: int, error: BaseException) -> NoReturn:
    """Say why, and end: a job that cannot be in its sandbox does not run."""
    if isinstance(error, OSError):
        told = f"{error.filename}: {error.strerror}" if error.filename else f"{error.strerror or error}"
    else:
        told = "".join(traceback.format_exception(error))
    with contextlib.suppress(OSError):
        os.write(report, f"sandbox: {told}\n".encode())
    os._exit(FAULT)
