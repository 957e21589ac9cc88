"""Reads the candidate sources, renders their rows and filters them; the first step of the curator. Called by its
playbook and its tools."""

from __future__ import annotations

import itertools
import random
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from agents.curator.selection import ALL, Pick
from protocol.brief import DataSource
from protocol.data import CurateRequest, Fault, Rejection
from protocol.errors import BadInput
from tools import apart, jsonl
from tools.examples import Example, make_all
from tools.filters import Filter
from tools.sources import read_rows

_HEAD_ROWS = 100  # enough to see all columns; JSONL rows may leave some out


@dataclass(frozen=True)
class Gathered:
    """A source that was read. Where it could not be, `error` says why and there are no examples."""

    source: DataSource
    rows: int = 0
    """Without those that were filtered out."""
    bytes: int = 0
    columns: tuple[str, ...] = ()
    examples: Sequence[Example] = ()
    path: Path | None = None
    """JSONL of `prompt` and `completion`, one line for each of the examples."""
    sha256: str = ""
    error: str | None = None
    left_out: tuple[Rejection, ...] = ()
    """What the mind's own choices took out."""


def gather(request: CurateRequest, source: DataSource, pick: Pick = ALL) -> Gathered:
    """Read one source and write it down for the scorer. Raises nothing: what fails is said in `error`."""
    task = request.task
    try:
        rows = read_rows(source, Path(request.task_folder), _data_folder(request))
        made = make_all(rows, task.prompt, task.answer, task.metric)
        examples, left_out = _picked([example for example in made if example is not None], source, pick)
    except BadInput as error:
        return Gathered(source, error=str(error))
    path, sha256 = _write(Path(request.folder) / "data" / "sources", source.name, examples)
    columns = tuple(dict.fromkeys(itertools.chain.from_iterable(rows[:_HEAD_ROWS])))
    kept = len(rows) - sum(one.rows for one in left_out)
    return Gathered(source, kept, path.stat().st_size, columns, examples, path, sha256, left_out=tuple(left_out))


def drops(examples: Sequence[Example], filters: Sequence[Filter]) -> list[list[int]]:
    """By filter: positions of the examples that it takes out. Raises `BadInput`."""
    rows = [{**example.row, "prompt": example.prompt, "completion": example.completion} for example in examples]
    return apart.filtered(rows, filters)


def trusted(request: CurateRequest) -> list[Example]:
    """The dev split, whose answers are taken to be right; nothing where the items come with the metric, and only the
    scorer knows them. Raises BadInput where it cannot be read."""
    task = request.task
    if task.eval is None:
        return []
    rows = read_rows(task.eval.dev, Path(request.task_folder), _data_folder(request))
    return [example for example in make_all(rows, task.prompt, task.answer, task.metric) if example is not None]


def _write(folder: Path, name: str, examples: Sequence[Example]) -> tuple[Path, str]:
    """Under its content's name: another choice of rows, made at the same time, is another file."""
    partial = folder / f".{name}-{secrets.token_hex(8)}.jsonl"
    sha256 = jsonl.write(partial, ({"prompt": one.prompt, "completion": one.completion} for one in examples))
    path = folder / f"{name}-{sha256[:12]}.jsonl"
    return partial.replace(path), sha256


def _picked(examples: list[Example], source: DataSource, pick: Pick) -> tuple[list[Example], list[Rejection]]:
    left_out: list[Rejection] = []
    gone: set[int] = set()
    for one, positions in zip(pick.filters, drops(examples, pick.filters), strict=True):
        gone.update(positions)
        if positions:
            left_out.append(_rejection(source, "filtered", len(positions), f"kept is where {one.told()}"))
    kept = [example for position, example in enumerate(examples) if position not in gone]
    if not kept and examples:
        raise BadInput(f"source {source.name}: its filters take out all of its {len(examples)} rows; widen them")
    if pick.at_most is not None and pick.at_most < len(kept):
        reason = f"a seeded sample of {pick.at_most} of {len(kept)} rows"
        left_out.append(_rejection(source, "surplus", len(kept) - pick.at_most, reason))
        kept = random.Random(source.seed).sample(kept, pick.at_most)
    return kept, left_out


def _rejection(source: DataSource, fault: Fault, rows: int, reason: str) -> Rejection:
    return Rejection(source=source.name, fault=fault, rows=rows, whole=False, reason=reason)


def _data_folder(request: CurateRequest) -> Path | None:
    return Path(request.data_folder) if request.data_folder else None
