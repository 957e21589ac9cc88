"""What a machine has, and what of it a job is granted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

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


class Node(Part):
    """One machine of a cluster."""

    cpus: int
    memory_gb: float
    gpus: tuple[Gpu, ...] = ()


class Machine(Part):
    """What jobs may be given here, all of it."""

    cpus: int
    memory_gb: float
    gpus: tuple[Gpu, ...] = ()
    driver: str | None = None
    elastic: bool = False
    """Something else places the jobs (Ray, Slurm, HF Jobs): this only says what kinds of device there are."""
    nodes: tuple[Node, ...] = ()
    """Of an elastic one the machines, where they are known: a job has one of them, and no more than it has."""
    backend: str = "local"
    """What runs jobs on it."""

    @property
    def device(self) -> str:
        """`cpu`, `NVIDIA H200`, `8 × NVIDIA H100 80GB HBM3`."""
        return named(self.gpus)


class Grant(Part):
    """What of the machine one job is given."""

    cpus: int = 1
    gpus: tuple[Gpu, ...] = ()

    @property
    def device(self) -> str:
        """What the job runs on, for people: `cpu`, `2 × NVIDIA H200`."""
        return named(self.gpus)


def cluster(cpus: int, nodes: tuple[Node, ...]) -> Machine:
    """An elastic machine of these, on which a job is given so many CPUs where its node has them."""
    most = max((node.cpus for node in nodes), default=1)
    return Machine(
        cpus=max(1, min(cpus, most)),
        memory_gb=max((node.memory_gb for node in nodes), default=0.0),
        gpus=tuple(gpu for node in nodes for gpu in node.gpus),
        elastic=True,
        nodes=nodes,
    )


def named(gpus: Iterable[Gpu]) -> str:
    """GPUs for people, by name; `cpu` for none."""
    counted = Counter(gpu.name for gpu in gpus)
    return ", ".join(name if count == 1 else f"{count} × {name}" for name, count in counted.items()) or "cpu"
