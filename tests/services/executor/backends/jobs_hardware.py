"""Machines with prices, in the words of `list_jobs_hardware`."""

from __future__ import annotations

from typing import Any


def machine(name: str, ram: str, cents: float, gpus: int = 0, model: str = "", vram: str = "") -> dict[str, Any]:
    """One that costs so many cents a minute."""
    gpu = {"type": "gpu", "model": model, "quantity": str(gpus), "vram": vram, "manufacturer": "Nvidia"}
    return {
        "name": name,
        "prettyName": name.replace("-", " "),
        "cpu": "2 vCPU",
        "ram": ram,
        "accelerator": gpu if gpus else None,
        "unitCostMicroUSD": round(cents * 10_000),
        "unitCostUSD": cents / 100,
        "unitLabel": "minute",
    }


HARDWARE = [
    machine("cpu-basic", "16 GB", 0.0167),
    machine("cpu-xl", "1 TB", 1.67),
    machine("t4-small", "15 GB", 0.667, 1, "T4", "16 GB"),
    machine("a10g-largex4", "192 GB", 8.33, 4, "A10G", "96 GB"),
    machine("a100-large", "142 GB", 4.17, 1, "A100", "80 GB"),
    machine("a100x4", "568 GB", 16.67, 4, "A100", "320 GB"),
    machine("h200", "256 GB", 8.33, 1, "H200", "141 GB"),
]
