"""Finds a model's config.json: in its folder, in the Hub's cache here, among common ones, else on the Hub."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tools.service import Missing
from tools.sizing.known_models import KNOWN
from tools.tool import ToolFault

CONFIG = "config.json"
HUB_ID = re.compile(r"^[A-Za-z0-9_][\w.-]*/[A-Za-z0-9_][\w.-]*$")
MOST_BYTES = 1_000_000
Config = Mapping[str, Any]


def nearby(model: str, folder: Path) -> Config | None:
    """The config of a folder (relative to `folder`), of a Hub id that was downloaded before, or of a common model; None
    where it is none of these. A file that is no config counts as none."""
    path = folder / model / CONFIG
    found = path if path.is_file() else _cached(model)
    if found is not None:
        return _parsed(found.read_bytes()) if found.stat().st_size <= MOST_BYTES else None
    return KNOWN[model][0] if model in KNOWN else None


async def from_hub(model: str) -> Config:
    """The config of a Hub id. Raises `ToolFault`: `Unreachable` without a network, `Missing` for none of that name."""
    from tools.hub import repository

    if not HUB_ID.match(model):
        raise ToolFault(f"{model!r} is no id of a model on the Hub: write owner/name")
    answer = await repository.file(model, "model", CONFIG)
    found = _parsed(answer.content)
    if found is None:
        raise Missing(f"{model} has no config.json that can be read: it is no model in transformers' format")
    return found


def stored_parameters(folder: Path) -> int | None:
    """Counted from the headers of the folder's safetensors files: 8 bytes of length, then JSON with every shape
    (https://huggingface.co/docs/safetensors). None where there are none."""
    total = 0
    for file in sorted(folder.glob("*.safetensors")):
        with file.open("rb") as stream:
            header = json.loads(stream.read(int.from_bytes(stream.read(8), "little")))
        for name, tensor in header.items():
            if name != "__metadata__":
                size = 1
                for length in tensor["shape"]:
                    size *= length
                total += size
    return total or None


def _cached(model: str) -> Path | None:
    if not HUB_ID.match(model):
        return None
    try:
        from huggingface_hub import try_to_load_from_cache
    except ImportError:
        return None
    found = try_to_load_from_cache(model, CONFIG)
    return Path(found) if isinstance(found, str) else None


def _parsed(content: bytes) -> Config | None:
    try:
        held = json.loads(content)
    except (ValueError, RecursionError):
        return None
    return held if isinstance(held, dict) else None
