"""What jobs on this machine run on, for people. Placement by memory, kind and MIG slice comes with the inventory."""

from __future__ import annotations

import os
import re
from collections import Counter
from pathlib import Path

from protocol.job import JobSpec

_DRIVER = Path("/proc/driver/nvidia/gpus")
"""Where the NVIDIA driver names its GPUs; reading it opens none of them."""


def device_name(driver: Path = _DRIVER) -> str:
    """`cpu`, `NVIDIA H200`, `8 × NVIDIA H100 80GB HBM3`."""
    if os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1"):
        return "cpu"
    models: Counter[str] = Counter()
    for information in sorted(driver.glob("*/information")):
        found = re.search(r"^Model:\s*(.+)$", information.read_text(), re.MULTILINE)
        models[found.group(1).strip() if found else "NVIDIA GPU"] += 1
    return ", ".join(name if count == 1 else f"{count} × {name}" for name, count in models.items()) or "cpu"


def used(spec: JobSpec, device: str) -> str:
    """What a job runs on where the machine has `device`: the CPU, when it asks for no GPU."""
    return device if spec.needs.gpus else "cpu"
