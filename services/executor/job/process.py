"""What a job's process does up to the first line of its script, and after the last.

Called by the zygote in the child; `run` also by `cold`, in a process that was started cold.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import io
import os
import random
import runpy
import signal
import sys
import threading
import time
import traceback
from collections.abc import Iterable
from pathlib import Path
from typing import NoReturn

from services.executor.job import launch
from services.executor.job.after_import import after_import
from services.executor.job.channel import Channel
from services.executor.job.events import Running
from services.executor.sandbox.enter import enter
from services.executor.warm.messages import Start

THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "RAYON_NUM_THREADS")


def live(
    start: Start, mask: set[int], close: Iterable[int], report: int | None = None, hold: tuple[int, ...] = ()
) -> NoReturn:
    """Become the job, under the signal mask `mask`, without the zygote's own descriptors; never returns.

    `report` and `hold` are the sandbox's: see `enter`.
    """
    code = 1
    try:
        os.nice(start.nice)
        if start.plan is not None:
            enter(start.plan, report, hold)
            if start.plan.egress is not None:
                _go_online()
        else:
            _leave(start, close)
        _redirect()
        if start.python is not None:
            _become(start.python, start, mask)
        code = run(start, mask) if start.launch == "python" else launch.run(start, mask)
    except BaseException:  # nothing may climb into the zygote's loop, of which this process is a copy
        traceback.print_exc()
    finally:
        with contextlib.suppress(OSError, ValueError):  # the script may have closed them
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def _leave(start: Start, close: Iterable[int]) -> None:
    """Without a sandbox: a session, a folder and an input of its own."""
    os.setsid()
    os.chdir(start.folder)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    for descriptor in (nothing, *close):
        os.close(descriptor)


def _go_online() -> None:
    """The zygote was started offline, and these have noted that when they were imported."""
    import datasets.config
    import huggingface_hub.constants

    huggingface_hub.constants.HF_HUB_OFFLINE = False
    datasets.config.HF_HUB_OFFLINE = False


def _redirect() -> None:
    """Output into the job's log."""
    log = os.open("output.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o644)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.close(log)
    for stream in (sys.stdout, sys.stderr):
        assert isinstance(stream, io.TextIOWrapper)
        stream.reconfigure(encoding="utf-8", errors="backslashreplace", line_buffering=True)


def _become(python: str, start: Start, mask: set[int]) -> NoReturn:
    """Begin anew as another Python, that of the job's own environment."""
    os.environ |= {launch.START: start.model_copy(update={"python": None}).model_dump_json(), "PYTHONSAFEPATH": "1"}
    signal.pthread_sigmask(signal.SIG_SETMASK, {*mask, signal.SIGUSR1})  # which `cold` takes when it can be heard
    os.execv(python, [python, "-m", "services.executor.job.cold"])


def run(start: Start, mask: Iterable[int], first: bool = True) -> int:
    """Run the script as `__main__` under the signal mask; the exit code that Python would end with.

    Of several processes only the `first` says that the job runs.
    """
    channel = Channel(Path("events.jsonl"))
    channel.listen()
    signal.pthread_sigmask(signal.SIG_SETMASK, mask)  # what came since the fork is delivered here
    _set_threads(start.threads)
    after_import("transformers.trainer", lambda: _attend(start, channel))
    random.seed()  # the zygote's state would make every job draw the same numbers
    if numpy := sys.modules.get("numpy"):
        numpy.random.seed()
    gc.enable()
    script = start.argv[0]
    sys.argv = list(start.argv)
    sys.path[0] = str(Path(script).resolve().parent)
    if first:
        channel.write(Running(pid=os.getpid(), at=time.monotonic()))
    try:
        runpy.run_path(script, run_name="__main__")
        code = 0
    except SystemExit as end:
        code = _exit_code(end)
    except BaseException:
        traceback.print_exc()
        code = 1
    _finish()
    return code


def _attend(start: Start, channel: Channel) -> None:
    """Listen to every Trainer of the script."""
    from services.executor.job.callback import JobCallback

    JobCallback(channel, start.stop_at, start.threads, start.steps).install()


def _set_threads(threads: int) -> None:
    """By the environment for what reads it later or is started from here. Torch begins with one: loading and
    tokenising gain nothing from more, and `threads.py` finds out whether training does."""
    for name in THREADS:
        os.environ[name] = str(threads)
    after_import("torch", lambda: sys.modules["torch"].set_num_threads(1))


def _exit_code(end: SystemExit) -> int:
    """As the interpreter does it: None is 0, a number itself, anything else is printed and 1."""
    if end.code is None:
        return 0
    if isinstance(end.code, int):
        return end.code & 0xFF
    print(end.code, file=sys.stderr)
    return 1


def _finish() -> None:
    """What the interpreter does at its end, which `os._exit` leaves out (Py_FinalizeEx does these two first)."""
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
