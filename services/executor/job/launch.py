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

from services.executor.warm.messages import Start

START = "POSTDOCS_START"
"""Environment variable that holds the `Start` of a process which is started cold, as JSON, …"""
PLAN = "POSTDOCS_SANDBOX"
"""… that of the sandbox which it has to enter, if any, …"""
REPORT = "POSTDOCS_REPORT"
"""… and the descriptor on which it tells why it cannot."""
CONFIG = "accelerate.yaml"
CPU_PROCESSES = 2
"""Where a job asks for several processes, but for no GPU: to try it out. They train by DDP, whatever it asks for:
accelerate shards on accelerators only (`AcceleratorState.__init__`)."""


def run(start: Start, mask: Iterable[int]) -> int:
    """Run the job's script in all its processes; the exit code of the first that failed, or 0.

    Ends by the same signal as the first that was ended by one. `mask` is the signal mask to live under.
    """
    from accelerate.commands.launch import launch_command, launch_command_parser
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError

    Path(CONFIG).write_text(yaml.safe_dump(config(start)))
    os.environ |= _environment(start)
    # held back here, and so in the processes from their first moment on: the thread below takes it, they when they can
    signal.pthread_sigmask(signal.SIG_SETMASK, {*mask, signal.SIGUSR1})
    threading.Thread(target=_pass_on_saves, name="saves", daemon=True).start()
    threads = max(1, start.threads // processes(start))
    os.environ[START] = start.model_copy(update={"threads": threads}).model_dump_json()
    options = ["--config_file", CONFIG, "--num_cpu_threads_per_process", str(threads)]
    try:
        launch_command(launch_command_parser().parse_args([*options, "-m", "services.executor.job.cold"]))
    except ChildFailedError as error:
        rank, failure = error.get_first_failure()
        print(f"process {rank} of {processes(start)} ended with {failure.exitcode}", file=sys.stderr, flush=True)
        return _end_like(failure.exitcode)
    return 0


def processes(start: Start) -> int:
    return start.gpus or CPU_PROCESSES


def config(start: Start) -> dict[str, object]:
    """What `accelerate config` would ask
    (https://huggingface.co/docs/accelerate/package_reference/cli#accelerate-launch)."""
    common = {
        "compute_environment": "LOCAL_MACHINE",
        "distributed_type": "MULTI_GPU",
        "num_machines": 1,
        "machine_rank": 0,
        "num_processes": processes(start),
        "main_process_port": 0,  # a free one
        "mixed_precision": "bf16" if start.gpus else "no",
        "rdzv_backend": "static",
        "same_network": True,
        "use_cpu": False,  # it means MPI; without a GPU, ACCELERATE_USE_CPU makes these processes train by Gloo
        "debug": False,
    }
    if start.launch != "fsdp":
        return common
    return common | {
        "distributed_type": "FSDP",
        "fsdp_config": {
            "fsdp_version": 2,
            "fsdp_auto_wrap_policy": "TRANSFORMER_BASED_WRAP",
            "fsdp_reshard_after_forward": True,
            "fsdp_offload_params": False,
            "fsdp_cpu_ram_efficient_loading": False,  # models of random weights have no file to load from
            "fsdp_state_dict_type": "FULL_STATE_DICT",  # what ships is one whole model
        },
    }


def _environment(start: Start) -> dict[str, str]:
    """All processes are on this machine, where a sandbox may leave nothing but the loopback interface."""
    interface = {"GLOO_SOCKET_IFNAME": "lo", "NCCL_SOCKET_IFNAME": "lo"} if sys.platform == "linux" else {}
    own = {"PYTHONSAFEPATH": "1"}  # a file of the job's must not stand for a library that we import
    return interface | own | ({} if start.gpus else {"ACCELERATE_USE_CPU": "true"})


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
