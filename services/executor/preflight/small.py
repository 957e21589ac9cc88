"""A slice of the job's dataset, and its config made small enough for two steps on a CPU. In the trial's sandbox."""

from __future__ import annotations

import json
from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from typing import Any

ROWS = 32
LINE = 1 << 20
"""Characters of a row; longer ones are not sliced, but left to the script."""
SLICE = "preflight_rows.jsonl"
SECONDS = 2.0
"""`train_seconds`, for scripts that train in a loop of their own."""
STEPS = 2
BATCH = 4
COMPLETION_TOKENS = 32
SHORT = 512
"""Tokens of a row, where the model was made small."""


def first_rows(config: Mapping[str, Any]) -> list[str]:
    """Lines of the JSONL file that `dataset_name` names; none where it names no such file."""
    path = Path(str(config.get("dataset_name") or ""))
    if not path.is_absolute() or not path.is_file():
        return []
    with path.open(encoding="utf-8", errors="replace") as file:
        lines = [line for line in islice(iter(lambda: file.readline(LINE), ""), ROWS) if line.strip()]
    return lines if all(_is_row(line) for line in lines) else []


def make_small(config: Mapping[str, Any], lines: list[str], folder: Path) -> dict[str, Any]:
    """The config of the trial; writes the slice. Keys that the config does not have are not added."""
    small = dict(config)
    if lines:
        (folder / SLICE).write_text("".join(line if line.endswith("\n") else f"{line}\n" for line in lines))
        small["dataset_name"] = str(folder / SLICE)
    group = _count(config.get("num_generations"))
    changes: dict[str, Any] = {
        "max_steps": STEPS,
        "train_seconds": SECONDS,
        "use_cpu": True,
        "bf16": False,
        "fp16": False,
        "use_vllm": False,
        "dataloader_pin_memory": False,
        "gradient_accumulation_steps": 1,
        "per_device_train_batch_size": group or min(BATCH, _count(config.get("per_device_train_batch_size")) or BATCH),
        "max_completion_length": min(
            COMPLETION_TOKENS, _count(config.get("max_completion_length")) or COMPLETION_TOKENS
        ),
    }
    return small | {name: value for name, value in changes.items() if name in config}


def make_short(config: Mapping[str, Any]) -> dict[str, Any]:
    """For a vocabulary as large as a large model's: its scores of a batch are what takes memory in a small one."""
    most = {"max_length": SHORT, "max_prompt_length": SHORT}
    return dict(config) | {
        name: min(length, _count(config.get(name)) or length) for name, length in most.items() if name in config
    }


def _is_row(line: str) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and value > 0 else None
