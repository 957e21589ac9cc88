"""Whether a folder holds a whole model: its configuration, and weights that are not cut short.

Called by the worker when a job has ended. It reads headers only, never the weights.
"""

from __future__ import annotations

import json
from pathlib import Path

_LENGTH = 8
"""A safetensors file begins with the length of its JSON header, 8 bytes, little endian
(https://huggingface.co/docs/safetensors/index#format)."""


def what_is_missing(folder: Path) -> str | None:
    """None for a whole model, else what is wrong with it, in words."""
    if not folder.is_dir():
        return f"no folder {folder.name}"
    if not (folder / "config.json").is_file():
        return f"no {folder.name}/config.json"
    weights = {path.name for path in folder.glob("*.safetensors")}
    index = folder / "model.safetensors.index.json"
    try:
        if index.is_file():
            absent = set(json.loads(index.read_text())["weight_map"].values()) - weights
            if absent:
                return f"no {folder.name}/{min(absent)}"
        cut = [name for name in sorted(weights) if not _is_whole(folder / name)]
    except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
        return f"{folder.name} cannot be read ({type(error).__name__}: {error})"
    if not weights:
        return f"no weights (*.safetensors) in {folder.name}"
    return f"{folder.name}/{cut[0]} is cut short" if cut else None


def _is_whole(path: Path) -> bool:
    """Whether the file is as long as its header says."""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(_LENGTH), "little")
        if not 2 <= length <= path.stat().st_size - _LENGTH:
            return False
        header = json.loads(file.read(length))
    ends = [entry["data_offsets"][1] for name, entry in header.items() if name != "__metadata__"]
    return bool(ends) and path.stat().st_size == _LENGTH + length + max(ends)
