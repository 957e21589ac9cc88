"""What a job uses of its device: the busy share of its GPUs by NVML, or of the CPU by its processes' clocks.

Made by a backend for each job that it starts; read once a second.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Protocol

import psutil

from protocol.message import Part
from services.executor.inventory.machine import Gpu

GB = 1e9


class Usage(Part):
    """Since the last look."""

    device: str
    """For people: `cpu`, `NVIDIA H200`."""
    busy: float | None = None
    """0 to 1 for a GPU; for the CPU in cores, so it may be above 1. None where the device does not tell."""
    memory_gb: float | None = None
    """What the job holds of the host's memory, 10⁹ bytes."""


class GpuClock(Protocol):
    """How busy a GPU is. NVML in production; tests feed their own."""

    def busy(self, uuid: str) -> float | None:
        """Share of the last sample period in which a kernel ran, 0 to 1; None where it is not told (MIG)."""
        ...


class Nvml:
    """NVML's utilisation: the share of time in which a kernel ran
    (https://docs.nvidia.com/deploy/nvml-api/structnvmlUtilization__t.html)."""

    def busy(self, uuid: str) -> float | None:
        import pynvml

        try:
            pynvml.nvmlInit()
            try:
                return float(pynvml.nvmlDeviceGetUtilizationRates(pynvml.nvmlDeviceGetHandleByUUID(uuid)).gpu) / 100
            finally:
                pynvml.nvmlShutdown()
        except pynvml.NVMLError:  # a MIG slice has no utilisation of its own
            return None


class Sampler:
    """Looks at one job: all that its process has started, and the GPUs that it was granted."""

    def __init__(self, pid: int, gpus: Sequence[Gpu], clock: GpuClock) -> None:
        self.pid, self.gpus, self.clock = pid, tuple(gpus), clock
        self._before: tuple[float, float] | None = None

    def sample(self) -> Usage:
        """Since the call before; the first one has nothing to compare with."""
        seconds, memory_gb = self._held()
        now = time.monotonic()
        before, self._before = self._before, (now, seconds)
        if self.gpus:  # while one works the job is not idle
            told = [busy for gpu in self.gpus if (busy := self.clock.busy(gpu.uuid)) is not None]
            return Usage(device=self.gpus[0].name, busy=max(told, default=None), memory_gb=memory_gb)
        if before is None or now <= before[0]:
            return Usage(device="cpu", memory_gb=memory_gb)
        return Usage(device="cpu", busy=max(0.0, seconds - before[1]) / (now - before[0]), memory_gb=memory_gb)

    def _held(self) -> tuple[float, float]:
        """CPU seconds so far and memory, of the process and its descendants."""
        try:
            processes = [psutil.Process(self.pid), *psutil.Process(self.pid).children(recursive=True)]
        except psutil.Error:
            return 0.0, 0.0
        looks = [_look(process) for process in processes]
        return sum(seconds for seconds, _ in looks), sum(memory for _, memory in looks)


def _look(process: psutil.Process) -> tuple[float, float]:
    try:
        times, memory = process.cpu_times(), process.memory_info()
    except psutil.Error:  # it has ended in between
        return 0.0, 0.0
    return float(times.user + times.system), memory.rss / GB
