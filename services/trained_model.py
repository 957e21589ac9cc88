"""Whether a folder that a job has left holds a whole model, and nothing beside it that loading would stumble over.

The one rule, asked by the worker when a job has ended, and by the scorer before it loads or ships what was trained.
Job code is untrusted, and the scorer has no sandbox, but the test split: so a trained model is plain files in one
folder, its weights are safetensors (no pickle, which runs code when it is read), and its configuration names no code
and no file elsewhere. Reads configuration and headers only, never the weights. What is not trained here (the base
model, which the user chose, and which in the Hub's cache consists of links) is not asked about.
"""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Any

from services.trained_config import is_configuration, what_is_wrong_with

_LENGTH = 8
"""A safetensors file begins with the length of its JSON header, 8 bytes, little endian
(https://huggingface.co/docs/safetensors/index#format)."""
_LONGEST_HEADER = 100_000_000
"""Bytes, as the safetensors library itself allows."""
_LONGEST_JSON = 200_000_000
"""Bytes; the largest tokenizers have 35 MB, an index 10."""
_MOST_FILES = 2_000
"""The largest models have 200 shards; a Trainer adds a dozen files and a folder for each checkpoint."""
_MOST_BYTES = 4_000_000_000_000
"""A sparse file may claim any size: this is twice the largest open model (a trillion parameters of two bytes)."""
_READ_TOO = ("additional_chat_templates",)
"""Folders in a model's that transformers reads."""


class _Wrong(Exception):
    """What is wrong, in words."""


def what_is_missing(folder: Path) -> str | None:
    """None for a whole model, else what is missing of it or wrong with it, in words.

    Of the way to `folder` only the last part is its job's doing (`JobFolder`): it must be no link. Blocking; never
    raises.
    """
    try:
        _check_place(folder)
        sizes = _plain_files(folder)
        tensors = _check_weights(folder, sizes)
        for name in filter(is_configuration, sorted(sizes)):
            _check_json(folder / name, tensors if name == "config.json" else None)
    except _Wrong as wrong:
        return str(wrong)
    except (OSError, ValueError, KeyError, AttributeError, TypeError, IndexError, RecursionError) as error:
        return f"{folder.name} cannot be read ({type(error).__name__}: {str(error)[:200]})"
    return None


def _check_place(folder: Path) -> None:
    if not os.path.lexists(folder):
        raise _Wrong(f"no folder {folder.name}")
    if not stat.S_ISDIR(folder.lstat().st_mode):
        raise _Wrong(f"{folder.name} is no folder" + (" but a link" if folder.is_symlink() else ""))


def _plain_files(folder: Path) -> dict[str, int]:
    """Name → size of the files; all that stands in the folder is a plain file or a folder."""
    sizes: dict[str, int] = {}
    for place in (folder, *(folder / name for name in _READ_TOO)):
        if not os.path.lexists(place):
            continue
        with os.scandir(place) as entries:
            for number, entry in enumerate(entries):
                if number >= _MOST_FILES:
                    raise _Wrong(f"more than {_MOST_FILES} files in {place.name}")
                found = entry.stat(follow_symlinks=False)
                if stat.S_ISDIR(found.st_mode) and place == folder:
                    continue
                _check_plain(f"{place.name}/{entry.name}", found)
                if entry.name.endswith(".json") and found.st_size > _LONGEST_JSON:
                    raise _Wrong(f"{place.name}/{entry.name} has {found.st_size:,} bytes, more than {_LONGEST_JSON:,}")
                if place == folder:
                    sizes[entry.name] = found.st_size
    if sum(sizes.values()) > _MOST_BYTES:
        raise _Wrong(f"{folder.name} claims {sum(sizes.values()):,} bytes, more than any model has")
    if "config.json" not in sizes:
        raise _Wrong(f"no {folder.name}/config.json")
    return sizes


def _check_plain(name: str, found: os.stat_result) -> None:
    if stat.S_ISLNK(found.st_mode):
        raise _Wrong(f"{name} is a link: save the file itself")
    if not stat.S_ISREG(found.st_mode):
        raise _Wrong(f"{name} is no regular file")
    if found.st_nlink > 1:
        raise _Wrong(f"{name} is one file under {found.st_nlink} names: save a copy")


def _check_weights(folder: Path, sizes: dict[str, int]) -> dict[str, int]:
    """Name → elements of all tensors; each shard is there, and as long as its header says."""
    weights = {name for name in sizes if name.endswith(".safetensors")}
    index = "model.safetensors.index.json"
    if index in sizes:
        absent = {str(name) for name in _read(folder / index)["weight_map"].values()} - weights
        if absent:
            raise _Wrong(f"no {folder.name}/{min(absent)[:200]}")
    if not weights:
        raise _Wrong(f"no weights (*.safetensors) in {folder.name}")
    tensors: dict[str, int] = {}
    for name in sorted(weights):
        header = _header(folder / name, sizes[name])
        if header is None:
            raise _Wrong(f"{folder.name}/{name} is cut short")
        tensors |= header
    return tensors


def _header(path: Path, size: int) -> dict[str, int] | None:
    """Name → elements of a file's tensors; None when the file is not as long as its header says."""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(_LENGTH), "little")
        if not 2 <= length <= min(size - _LENGTH, _LONGEST_HEADER):
            return None
        header: dict[str, Any] = json.loads(file.read(length))
    tensors = {name: entry for name, entry in header.items() if name != "__metadata__"}
    ends = [int(entry["data_offsets"][1]) for entry in tensors.values()]
    if not ends or size != _LENGTH + length + max(ends):
        return None
    return {name: _elements(entry["shape"]) for name, entry in tensors.items()}


def _elements(shape: list[int]) -> int:
    count = 1
    for width in shape:
        count *= int(width)
    return count


def _check_json(path: Path, tensors: dict[str, int] | None) -> None:
    wrong = what_is_wrong_with(path.name, _read(path), tensors)
    if wrong is not None:
        raise _Wrong(f"{path.parent.name}/{path.name} {wrong}")


def _read(path: Path) -> Any:
    return json.loads(path.read_bytes())
