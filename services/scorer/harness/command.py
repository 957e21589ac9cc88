"""A benchmark that is a program of the user's. Called by `benchmark`.

It is started in the task's folder, as

    COMMAND --model MODEL_FOLDER --split dev|test --items ITEMS.jsonl --output RESULT.json

and writes `{"accuracy": 0.42, "stderr": 0.02}` to RESULT.json. Where it also writes `"outcomes"`, one number from 0 to
1 for each line of ITEMS.jsonl, models are compared item by item. Such a line is `{"prompt": …, "answer": …, "row": …}`.
"""

from __future__ import annotations

import json
import math
import shlex
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from protocol.brief import Task
from protocol.data import Split
from services.run_folder import RunFolder
from services.scorer.files import PRIVATE_FILE, jsonl, write_whole
from services.scorer.harness.ask import workplace
from services.scorer.harness.process import HarnessFailed, environment, run
from services.scorer.items import Item

ROUNDING = 5e-4
"""How far the accuracy may be from the mean of the outcomes: three decimals."""
LARGEST_ERROR = 0.5
"""Standard error of a mean of numbers from 0 to 1, for a single item: beyond it, it is given in percent."""


class Told(Exception):
    """What a result file says wrong."""


def measure(
    task: Task,
    task_folder: Path,
    folder: RunFolder,
    *,
    model: Path,
    split: Split,
    items: Sequence[Item],
    stopping: threading.Event | None = None,
) -> tuple[float, float | None, tuple[float, ...]]:
    """Accuracy, its standard error (None where it follows from the outcomes), and the outcomes where they are given.

    Blocking. Raises `HarnessFailed`, `HarnessStopped`.
    """
    command = shlex.split(task.metric.removeprefix("command:"))
    with workplace(folder) as place:
        asked, result = place / "items.jsonl", place / "result.json"
        write_whole(asked, jsonl(item.model_dump() for item in items), PRIVATE_FILE)
        argv = [*command, "--model", str(model), "--split", split, "--items", str(asked), "--output", str(result)]
        run(argv, task_folder, environment(task.benchmark.env), place / "log", task.benchmark.time, stopping)
        return read_result(result, len(items))


def read_result(path: Path, n: int) -> tuple[float, float | None, tuple[float, ...]]:
    """Raises `HarnessFailed` for a file that is not there, is no JSON, or holds something else than was asked."""
    try:
        held = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise HarnessFailed("wrote no result", "it wrote no file to where --output says") from None
    except (OSError, ValueError) as error:
        raise HarnessFailed("wrote no JSON", f"what it wrote to --output is no JSON ({error})") from error
    try:
        if not isinstance(held, dict):
            raise Told('it wrote no JSON object: write {"accuracy": …, "stderr": …}')
        accuracy = _number(held, "accuracy", 1.0)
        outcomes = _outcomes(held["outcomes"], n) if "outcomes" in held else ()
        stderr = _number(held, "stderr", LARGEST_ERROR) if "stderr" in held or not outcomes else None
        if outcomes and abs(math.fsum(outcomes) / n - accuracy) > ROUNDING:
            mean = math.fsum(outcomes) / n
            raise Told(f"its accuracy is {accuracy:g}, and the mean of its outcomes {mean:g}: they must agree")
    except Told as error:
        raise HarnessFailed("wrote a wrong result", str(error)) from None
    return accuracy, None if outcomes else stderr, outcomes


def _number(held: dict[str, Any], name: str, most: float) -> float:
    value = held.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        told = "is missing" if name not in held else f"is {str(value)[:60]!r}"
        raise Told(f"{name!r} {told} in what it wrote: write a number from 0 to {most:g}")
    if not 0.0 <= value <= most:  # NaN fails here too
        raise Told(f"{name!r} is {value:g} in what it wrote: write a fraction from 0 to {most:g}, no percentage")
    return float(value)


def _outcomes(held: Any, n: int) -> tuple[float, ...]:
    if not isinstance(held, list) or len(held) != n:
        there = len(held) if isinstance(held, list) else "no list"
        raise Told(f"'outcomes' has {there} for {n} items: write one number for each line of --items")
    for value in held:
        if not isinstance(value, int | float) or not 0.0 <= value <= 1.0:
            raise Told(f"'outcomes' holds {str(value)[:60]!r}: write numbers from 0 to 1")
    return tuple(float(value) for value in held)
