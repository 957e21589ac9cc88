"""What a machine has, and what of it a job is granted."""

from __future__ import annotations

from protocol.message import Part


class Gpu(Part):
    """One GPU, or one MIG slice of one."""

    uuid: str
    """As `CUDA_VISIBLE_DEVICES` takes it: `GPU-…`, `MIG-…`."""
    name: str
    """`NVIDIA H100 80GB HBM3`."""
    memory_gb: float
    """10⁹ bytes."""
    minor: int | None = None
    """Of its device node `/dev/nvidia<minor>`; a MIG slice has its GPU's."""
    mig: bool = False


class Machine(Part):
    """What jobs may be given here, all of it."""

    cpus: int
    memory_gb: float
    gpus: tuple[Gpu, ...] = ()
    driver: str | None = None
    elastic: bool = False
    """Something else places the jobs (Ray, Slurm, HF Jobs): this only says what kinds of device there are."""


class Grant(Part):
    """What of the machine one job is given."""

    cpus: int = 1
    gpus: tuple[Gpu, ...] = ()
