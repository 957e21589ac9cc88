"""What GPUs there are: memory and speed, by NVIDIA's data sheets. The one table; the executor's inventory reads it too.

Ray and Slurm tell no more of a GPU than its name: `memory_gb` gives its memory. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from protocol.errors import BadInput
from protocol.message import Part

CONTEXT_GB = 0.6
"""What a process takes on a GPU before its first tensor (CUDA context, cuBLAS)."""


class GpuModel(Part):
    """One model of GPU."""

    name: str
    memory_gb: float
    """10⁹ bytes; the smaller where a name has two sizes."""
    teraflops: float
    """10¹² operations a second of dense matrix products in bfloat16, or float16 where it has no bfloat16."""
    bfloat16: bool = True


def _table(rows: Mapping[str, tuple[float, float]], bfloat16: bool = True) -> dict[str, GpuModel]:
    return {
        name: GpuModel(name=name, memory_gb=memory, teraflops=speed, bfloat16=bfloat16)
        for name, (memory, speed) in rows.items()
    }


GPUS: Mapping[str, GpuModel] = _table(
    {
        "a10": (24, 125), "a10g": (24, 70), "l4": (24, 121), "a30": (24, 165), "a40": (48, 149.7), "a6000": (48, 154.8),
        "l40": (48, 181), "l40s": (48, 362), "3090": (24, 71), "4090": (24, 165.2), "5090": (32, 209.5),
        "a100": (40, 312), "h100": (80, 989), "h200": (141, 989), "gh200": (96, 989),
        "b200": (180, 2250), "gb200": (186, 2500), "b300": (270, 2250),
    }
) | _table({"p100": (16, 18.7), "v100": (16, 112), "t4": (16, 65)}, bfloat16=False)  # fmt: skip
"""NVIDIA's data sheets, for the GeForce its papers on GA102, Ada and Blackwell; A100 and H100 are the SXM ones."""


def memory_gb(name: str) -> float:
    """By the size that the name tells (`nvidia_a100-sxm4-80gb`, `A100-40G`), or by the model; 0 where neither is known,
    so that no job which asks for memory is sent there."""
    said = re.search(r"(?<![a-z0-9])(\d+)gb?(?![a-z0-9])", name.lower())
    if said:
        return float(said.group(1))
    found = _known(name)
    return found.memory_gb if found else 0.0


def gpu(name: str) -> GpuModel:
    """The GPU of this name, with the memory that the name tells (`a100-80gb`). Raises `BadInput`."""
    found = _known(name)
    if found is None:
        raise BadInput(f"GPU {name!r} is not known: give one of {', '.join(sorted(GPUS))}; its memory as in a100-80gb")
    return found.model_copy(update={"name": name.lower(), "memory_gb": memory_gb(name)})


def _known(name: str) -> GpuModel | None:
    return next((GPUS[word] for word in re.split(r"[^a-z0-9]+", name.lower()) if word in GPUS), None)
