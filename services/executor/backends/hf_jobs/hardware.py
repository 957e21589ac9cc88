"""Which machine of Hugging Face Jobs a job runs on: the cheapest that has what the job needs. Pure.

The list of machines, with their prices, comes from `list_jobs_hardware`; its sizes are words (`"142 GB"`, `"1 TB"`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from huggingface_hub import JobHardwareInfo

from protocol.job import Needs
from protocol.message import Part
from services.executor.inventory.placement import words

HOURS = {"second": 1 / 3600, "minute": 1 / 60, "hour": 1.0}
"""Length of a unit that is paid for."""
GIGABYTES = {"MB": 1e-3, "GB": 1.0, "TB": 1e3}


class Flavor(Part):
    """One kind of machine that can be rented."""

    name: str
    """As `run_job` takes it: `a100-large`."""
    device: str
    """For people: `Nvidia A100 - large`."""
    gpus: int = 0
    kind: str = ""
    """The GPU's model, in lower case: `a100`."""
    gpu_memory_gb: float = 0.0
    """Of each GPU."""
    memory_gb: float
    usd_per_hour: float

    def fits(self, needs: Needs) -> bool:
        """Whether a job with these needs can run on it. Jobs for the CPU get no GPU that they would not use."""
        if needs.gpus == 0:
            return self.gpus == 0 and self._holds(needs)
        suitable = self.gpus >= needs.gpus and words(needs.kind or "") <= words(self.kind)
        return suitable and self.gpu_memory_gb >= (needs.min_memory_gb or 0) and self._holds(needs)

    def _holds(self, needs: Needs) -> bool:
        return self.memory_gb >= (needs.memory_gb or 0)


def flavors(hardware: Iterable[JobHardwareInfo]) -> tuple[Flavor, ...]:
    """All that a PyTorch job can run on; machines with other accelerators, or in units unknown to us, are left out."""
    return tuple(flavor for stated in hardware if (flavor := _flavor(stated)) is not None)


def cheapest(needs: Needs, offered: Iterable[Flavor]) -> Flavor | None:
    """The cheapest machine that fits; of equally cheap ones the first by name. None when there is none."""
    return min((f for f in offered if f.fits(needs)), key=lambda f: (f.usd_per_hour, f.name), default=None)


def _flavor(stated: JobHardwareInfo) -> Flavor | None:
    hours = HOURS.get(stated.unit_label)
    memory = _gigabytes(stated.ram)
    if hours is None or memory is None:
        return None
    price = round(stated.unit_cost_usd / hours, 4)
    gpu = stated.accelerator
    if gpu is None:
        return Flavor(name=stated.name, device=stated.pretty_name, memory_gb=memory, usd_per_hour=price)
    total = _gigabytes(gpu.vram)
    if gpu.type != "gpu" or gpu.manufacturer.lower() != "nvidia" or total is None or not gpu.quantity.isdigit():
        return None
    return Flavor(
        name=stated.name,
        device=stated.pretty_name,
        gpus=int(gpu.quantity),
        kind=gpu.model.lower(),
        gpu_memory_gb=total / max(1, int(gpu.quantity)),
        memory_gb=memory,
        usd_per_hour=price,
    )


def _gigabytes(text: str) -> float | None:
    found = re.fullmatch(r"\s*([\d.]+)\s*([MGT])i?B\s*", text)
    return float(found[1]) * GIGABYTES[f"{found[2]}B"] if found else None
