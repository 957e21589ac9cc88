"""How much memory a GPU has of which only the name is known: Ray and Slurm tell no more. Pure."""

from __future__ import annotations

import re

MEMORY_GB = {
    "p100": 16, "v100": 16, "t4": 16, "a10": 24, "a10g": 24, "l4": 24, "a30": 24, "a40": 48, "a6000": 48, "l40": 48,
    "l40s": 48, "a100": 40, "h100": 80, "h200": 141, "gh200": 96, "b200": 180, "gb200": 186, "b300": 270,
}  # fmt: skip
"""NVIDIA's data sheets, 10⁹ bytes; the smaller where a name has two sizes."""


def memory_gb(name: str) -> float:
    """By the size that the name tells (`nvidia_a100-sxm4-80gb`, `A100-40G`), or by the model; 0 where neither is known,
    so that no job which asks for memory is sent there."""
    said = re.search(r"(?<![a-z0-9])(\d+)gb?(?![a-z0-9])", name.lower())
    if said:
        return float(said.group(1))
    known = [MEMORY_GB[word] for word in re.split(r"[^a-z0-9]+", name.lower()) if word in MEMORY_GB]
    return float(known[0]) if known else 0.0
