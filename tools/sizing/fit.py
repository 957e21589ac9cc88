"""Looks for the cheapest set-up in which a training fits. Pure.

From cheap to dear: a whole copy on each GPU, then shards, then shards in host memory; each first with all activations
kept, then with checkpointing, which costs a further pass forward. In the first that holds one example, the micro batch
is then made as large as fits; accumulation keeps the effective batch what it was.
"""

from __future__ import annotations

from collections.abc import Iterator

from protocol.message import Part
from tools.sizing.architecture import Architecture
from tools.sizing.gpus import GpuModel
from tools.sizing.memory import Breakdown, breakdown, host_bytes
from tools.sizing.training import Setup, Training

COUNTS = (1, 2, 4, 8)
"""GPUs of one machine that are tried."""


class Fit(Part):
    """The answer: does it fit, how, and what is held."""

    fits: bool
    gpu: GpuModel
    setup: Setup
    """The cheapest that fits; where none does, the one that lacks least."""
    memory: Breakdown
    host_gb: float = 0.0
    """Of shards in the host's memory, where there are any; whether the host has so much is not looked at."""

    @property
    def on_gpu(self) -> bool:
        """It fits without the host's memory, over whose link every step would wait."""
        return self.fits and not self.setup.offload


def fit(shape: Architecture, training: Training, gpu: GpuModel, gpus: int = 1) -> Fit:
    """The cheapest set-up on so many GPUs of that kind."""
    least: Fit | None = None
    for way in ways(training, gpus):
        found = _measured(shape, training, gpu, way)
        if found.fits:
            return _widest(shape, training, gpu, way)
        if least is None or found.memory.total < least.memory.total:
            least = found
    assert least is not None
    return least


def as_set_up(shape: Architecture, training: Training, gpu: GpuModel, setup: Setup) -> Fit:
    """Whether it fits in this very set-up."""
    return _measured(shape, training, gpu, setup)


def fewest_gpus(shape: Architecture, training: Training, gpu: GpuModel) -> Fit | None:
    """On the fewest GPUs of that kind that hold it themselves; None where eight do not."""
    tried = (fit(shape, training, gpu, count) for count in COUNTS)
    return next((found for found in tried if found.on_gpu), None)


def ways(training: Training, gpus: int) -> Iterator[Setup]:
    """The set-ups with one example at a time, cheapest first."""
    shared = [("none", False), ("fsdp", True)] if gpus == 1 else [("ddp", False), ("fsdp", False), ("fsdp", True)]
    if training.update == "qlora":
        shared = shared[:1]  # four-bit weights are shared out or kept on the host with a set-up of their own only
    for sharding, offload in shared:
        for checkpointing in (False, True):
            yield Setup(
                gpus=gpus,
                sharding=sharding,  # type: ignore[arg-type]
                offload=offload,
                checkpointing=checkpointing,
                accumulation=max(1, training.batch // gpus),
            )


def _widest(shape: Architecture, training: Training, gpu: GpuModel, way: Setup) -> Fit:
    """The largest micro batch that fits, among those that divide a GPU's share of the batch."""
    each = max(1, training.batch // way.gpus)
    best = _measured(shape, training, gpu, way)
    for size in (size for size in range(2, each + 1) if each % size == 0):
        wider = way.model_copy(update={"micro_batch": size, "accumulation": each // size})
        found = _measured(shape, training, gpu, wider)
        if not found.fits:
            break
        best = found
    return best


def _measured(shape: Architecture, training: Training, gpu: GpuModel, setup: Setup) -> Fit:
    held = breakdown(shape, training, setup)
    return Fit(
        fits=held.total <= 1e9 * gpu.memory_gb,
        gpu=gpu,
        setup=setup,
        memory=held,
        host_gb=host_bytes(shape, training, setup) / 1e9,
    )
