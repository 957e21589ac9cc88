"""The inventory: GPUs and MIG slices through NVML, CPUs and host memory of this machine. Read once by a worker.

NVML does not initialise CUDA, so that processes may still be forked. Without the library or the driver there are no
GPUs, which is no error: the machine runs CPU jobs.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

from services.executor.inventory.machine import Gpu, Machine

log = logging.getLogger(__name__)
GB = 1e9
CGROUP_LIMIT = Path("/sys/fs/cgroup/memory.max")
"""Host memory that a container may use (cgroup v2): a number of bytes, or `max`."""


def read_machine(environment: Mapping[str, str] = os.environ) -> Machine:
    """What jobs may be given on this machine; of its GPUs those that `CUDA_VISIBLE_DEVICES` shows."""
    cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    driver, gpus = _read_gpus()
    shown = visible(gpus, environment.get("CUDA_VISIBLE_DEVICES"))
    return Machine(cpus=cpus, memory_gb=host_memory() / GB, gpus=shown, driver=driver)


def visible(gpus: tuple[tuple[Gpu, ...], ...], shown: str | None) -> tuple[Gpu, ...]:
    """The devices that `CUDA_VISIBLE_DEVICES` leaves, in its order; `gpus` has each GPU's devices, by PCI bus id.

    It names a GPU by its place or by the beginning of its uuid, a MIG slice by its uuid; what follows a name of nothing
    is not shown (https://docs.nvidia.com/cuda/cuda-c-programming-guide/#cuda-environment-variables).
    """
    if shown is None:
        return tuple(device for devices in gpus for device in devices)
    found: list[Gpu] = []
    for name in (part.strip() for part in shown.split(",")):
        if name.isdecimal():
            named = gpus[int(name)] if int(name) < len(gpus) else ()
        else:
            named = tuple(gpu for devices in gpus for gpu in devices if name and gpu.uuid.startswith(name))
        if not named:
            break
        found += [gpu for gpu in named if gpu not in found]
    return tuple(found)


def _read_gpus() -> tuple[str | None, tuple[tuple[Gpu, ...], ...]]:
    """The driver's version, and for each GPU the devices that it is: itself, or its MIG slices."""
    try:
        import pynvml
    except ImportError:
        log.info("nvidia-ml-py is not installed: no GPU is looked for")
        return None, ()
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as error:
        log.debug("no NVML here: %s", error)
        return None, ()
    try:
        handles = [pynvml.nvmlDeviceGetHandleByIndex(n) for n in range(pynvml.nvmlDeviceGetCount())]
        return pynvml.nvmlSystemGetDriverVersion(), tuple(tuple(_devices(pynvml, handle)) for handle in handles)
    except pynvml.NVMLError as error:  # a GPU that has fallen off the bus, a driver that was updated underneath us
        log.warning("NVML does not tell what GPUs there are, so none is used: %s", error)
        return None, ()
    finally:
        pynvml.nvmlShutdown()


def _devices(nvml: Any, handle: Any) -> Iterator[Gpu]:
    """A GPU, or in its place the slices of one that is in MIG mode."""
    minor = nvml.nvmlDeviceGetMinorNumber(handle)
    if not _in_mig_mode(nvml, handle):
        yield _gpu(nvml, handle, minor, mig=False)
        return
    for n in range(nvml.nvmlDeviceGetMaxMigDeviceCount(handle)):
        with suppress(nvml.NVMLError_NotFound):  # slices are numbered with gaps
            yield _gpu(nvml, nvml.nvmlDeviceGetMigDeviceHandleByIndex(handle, n), minor, mig=True)


def _in_mig_mode(nvml: Any, handle: Any) -> bool:
    try:
        return bool(nvml.nvmlDeviceGetMigMode(handle)[0] == nvml.NVML_DEVICE_MIG_ENABLE)
    except nvml.NVMLError_NotSupported:
        return False


def _gpu(nvml: Any, handle: Any, minor: int, *, mig: bool) -> Gpu:
    total = nvml.nvmlDeviceGetMemoryInfo(handle).total
    uuid, name = nvml.nvmlDeviceGetUUID(handle), nvml.nvmlDeviceGetName(handle)
    return Gpu(uuid=uuid, name=name, memory_gb=total / GB, minor=minor, mig=mig)


def host_memory() -> int:
    """Bytes of memory that this machine has, as far as a container's limit goes."""
    total = int(psutil.virtual_memory().total)
    try:
        return min(total, int(CGROUP_LIMIT.read_text()))
    except (OSError, ValueError):
        return total
