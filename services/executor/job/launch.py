"""Starts a job as several processes: `accelerate launch`, one process a GPU, by DDP or FSDP as the job asks.

Called in the job's process, by `process` (forked) or `cold`. The processes run `python -m services.executor.job.cold`.
Saving and stopping come to this process; it passes them on.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterable
from pathlib import Path

import psutil
import yaml

from services.executor.job import several
from services.executor.warm.messages import Start

START = "POSTDOCS_START"
"""Environment variable that holds the `Start` of a process which is started cold, as JSON, …"""
PLAN = "POSTDOCS_SANDBOX"
"""… that of the sandbox which it has to enter, if any, …"""
REPORT = "POSTDOCS_REPORT"
"""… and the descriptor on which it tells why it cannot."""
CONFIG = "accelerate.yaml"


def run(start: Start, mask: Iterable[int]) -> int:
    """Run the job's script in all its processes; the exit code of the first that failed, or 0.

    Ends by the same signal as the first that was ended by one. `mask` is the signal mask to live under.
    """
    from accelerate.commands.launch import launch_command, launch_command_parser
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError

    Path(CONFIG).write_text(yaml.safe_dump(several.config(start.launch, start.gpus)))
    os.environ |= several.environment(start.gpus)
    # held back here, and so in the processes from their first moment on: the thread below takes it, they when they can
    signal.pthread_sigmask(signal.SIG_SETMASK, {*mask, signal.SIGUSR1})
    threading.Thread(target=_pass_on_saves, name="saves", daemon=True).start()
    processes = several.processes(start.gpus)
    threads = max(1, start.threads // processes)
    os.environ[START] = start.model_copy(update={"threads": threads}).model_dump_json()
    options = ["--config_file", CONFIG, "--num_cpu_threads_per_process", str(threads)]
    try:
        launch_command(launch_command_parser().parse_args([*options, "-m", "services.executor.job.cold"]))
    except ChildFailedError as error:
        rank, failure = error.get_first_failure()
        print(f"process {rank} of {processes} ended with {failure.exitcode}", file=sys.stderr, flush=True)
        return _end_like(failure.exitcode)
    return 0


def _pass_on_saves() -> None:
    """To the processes, not to what they have started: data loaders would die of it."""
    while True:
        signal.sigwait({signal.SIGUSR1})
        for process in psutil.Process().children():
            try:
                process.send_signal(signal.SIGUSR1)
            except psutil.NoSuchProcess:
                continue


def _end_like(code: int) -> int:
    """The exit code to end with; for a process that a signal has ended (as `subprocess` tells it), do likewise."""
    if code < 0:
        signal.signal(-code, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {-code})
        os.kill(os.getpid(), -code)
    return code
