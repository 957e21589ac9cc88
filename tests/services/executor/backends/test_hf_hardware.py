"""Choosing the machine that a job is rented."""

from __future__ import annotations

from typing import Any

import pytest
from huggingface_hub import JobHardwareInfo
from jobs_hardware import HARDWARE, machine

from protocol.job import Needs
from services.executor.backends.hf_jobs.hardware import cheapest, flavors

OFFERED = flavors(JobHardwareInfo(**stated) for stated in HARDWARE)


@pytest.mark.parametrize(
    ("needs", "name"),
    [
        (Needs(), "cpu-basic"),
        (Needs(memory_gb=100), "cpu-xl"),
        (Needs(gpus=1), "t4-small"),
        (Needs(gpus=1, kind="a100"), "a100-large"),
        (Needs(gpus=1, min_memory_gb=24), "a100-large"),
        (Needs(gpus=1, min_memory_gb=100), "h200"),
        (Needs(gpus=1, memory_gb=200), "h200"),
        (Needs(gpus=2), "a10g-largex4"),
        (Needs(gpus=4, min_memory_gb=40), "a100x4"),
        (Needs(gpus=8), None),
        (Needs(gpus=1, kind="b200"), None),
        (Needs(gpus=1, kind="a10"), None),
        (Needs(memory_gb=2000), None),
    ],
)
def test_the_cheapest_machine_that_fits_is_taken(needs: Needs, name: str | None) -> None:
    found = cheapest(needs, OFFERED)
    assert (found.name if found else None) == name


def test_prices_are_told_by_the_hour_whatever_the_unit() -> None:
    stated = machine("a100-large", "142 GB", 4.0, 1, "A100", "80 GB")
    for unit, cost in (("second", 0.04 / 60), ("minute", 0.04), ("hour", 2.4)):
        (found,) = flavors([JobHardwareInfo(**{**stated, "unitLabel": unit, "unitCostUSD": cost})])
        assert found.usd_per_hour == pytest.approx(2.4, abs=1e-3)


@pytest.mark.parametrize(
    "odd",
    [
        {"unitLabel": "fortnight"},
        {"ram": "plenty"},
        {"accelerator": {"type": "tpu", "model": "v5e", "quantity": "1", "vram": "16 GB", "manufacturer": "Google"}},
        {"accelerator": {"type": "gpu", "model": "MI300", "quantity": "1", "vram": "192 GB", "manufacturer": "AMD"}},
        {"accelerator": {"type": "gpu", "model": "T4", "quantity": "1", "vram": "N/A", "manufacturer": "Nvidia"}},
    ],
)
def test_machines_that_we_cannot_judge_or_use_are_left_out(odd: dict[str, Any]) -> None:
    assert flavors([JobHardwareInfo(**{**HARDWARE[2], **odd})]) == ()
