"""Reads the candidate sources and renders their rows; the first step of the curator. Called by its playbook."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from protocol.brief import DataSource
from protocol.data import CurateRequest
from protocol.errors import BadInput
from tools import jsonl
from tools.examples import Example, make_all
from tools.sources import read_rows

_HEAD_ROWS = 100  # enough to see all columns; JSONL rows may leave some out


@dataclass(frozen=True)
class Gathered:
    """A source that was read. Where it could not be, `error` says why and there are no examples."""

    source: DataSource
    rows: int = 0
    bytes: int = 0
    columns: tuple[str, ...] = ()
    examples: Sequence[Example] = ()
    path: Path | None = None
    """JSONL of `prompt` and `completion`, one line for each of the examples."""
    error: str | None = None


def gather(request: CurateRequest, source: DataSource) -> Gathered:
    """Read one source and write it down for the scorer. Raises nothing: what fails is said in `error`."""
    task = request.task
    try:
        rows = read_rows(source, Path(request.task_folder), _data_folder(request))
        made = make_all(rows, task.prompt, task.answer, task.metric)
    except BadInput as error:
        return Gathered(source, error=str(error))
    examples = [example for example in made if example is not None]
    path = Path(request.folder) / "data" / "sources" / f"{source.name}.jsonl"
    jsonl.write(path, ({"prompt": example.prompt, "completion": example.completion} for example in examples))
    columns = tuple(dict.fromkeys(itertools.chain.from_iterable(rows[:_HEAD_ROWS])))
    return Gathered(source, len(rows), path.stat().st_size, columns, examples, path)


def trusted(request: CurateRequest) -> list[Example]:
    """The dev split, whose answers are taken to be right. Raises BadInput where it cannot be read."""
    task = request.task
    rows = read_rows(task.eval.dev, Path(request.task_folder), _data_folder(request))
    return [example for example in make_all(rows, task.prompt, task.answer, task.metric) if example is not None]


def _data_folder(request: CurateRequest) -> Path | None:
    return Path(request.data_folder) if request.data_folder else None
