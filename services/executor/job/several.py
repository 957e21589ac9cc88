"""What `accelerate launch` is told of a training in several processes, one a GPU, by DDP or FSDP as the job asks.

Asked by `launch`, which starts a job, and by `services/bundle/rebuild.py`, which repeats one.
"""

from __future__ import annotations

import sys

from protocol.job import Launch

CPU_PROCESSES = 2
"""Where a job asks for several processes, but for no GPU: to try it out. They train by DDP, whatever it asks for:
accelerate shards on accelerators only (`AcceleratorState.__init__`)."""


def processes(gpus: int) -> int:
    return gpus or CPU_PROCESSES


def config(launch: Launch, gpus: int) -> dict[str, object]:
    """What `accelerate config` would ask
    (https://huggingface.co/docs/accelerate/package_reference/cli#accelerate-launch)."""
    common = {
        "compute_environment": "LOCAL_MACHINE",
        "distributed_type": "MULTI_GPU",
        "num_machines": 1,
        "machine_rank": 0,
        "num_processes": processes(gpus),
        "main_process_port": 0,  # a free one
        "mixed_precision": "bf16" if gpus else "no",
        "rdzv_backend": "static",
        "same_network": True,
        "use_cpu": False,  # it means MPI; without a GPU, ACCELERATE_USE_CPU makes these processes train by Gloo
        "debug": False,
    }
    if launch != "fsdp":
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


def environment(gpus: int) -> dict[str, str]:
    """All processes are on this machine, where a sandbox may leave nothing but the loopback interface."""
    interface = {"GLOO_SOCKET_IFNAME": "lo", "NCCL_SOCKET_IFNAME": "lo"} if sys.platform == "linux" else {}
    own = {"PYTHONSAFEPATH": "1"}  # a file of the job's must not stand for a library that we import
    return interface | own | ({} if gpus else {"ACCELERATE_USE_CPU": "true"})
