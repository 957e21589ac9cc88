"""From a dataset that the mind has found on the Hub to a source that can be trained on: its licence looked at, its rows
read from the Hub's own copy, rendered by the task's templates, and held against dev and test through the scorer; kept
with where they come from. Called by the Curator's tools.

The rest (duplicates, wrong answers, conflicts) is measured and dropped as in every source, when a mixture is made.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from agents.curator.playbook import Ask, overlap
from agents.curator.thresholds import FORBIDDEN_LICENSES, LEAK_WHOLE
from protocol.data import CurateRequest, Overlap
from protocol.found import DatasetTaken, FoundDataset
from tools import jsonl
from tools.examples import Example, make_all
from tools.hub import parquet_copy
from tools.hub.found import tags
from tools.hub.parquet_copy import Copy
from tools.run_source import FOUND
from tools.templates import columns
from tools.tool import ToolFault

_LICENCE = re.compile(r"[\w.+-]{1,60}")
"""As the Hub names them: what is written otherwise is a stranger's text, and not told as a licence."""


@dataclass(frozen=True)
class Wanted:
    """What the mind asks for."""

    name: str
    dataset: str
    config: str
    split: str
    columns: dict[str, str]
    label_names: bool
    start: int
    most_rows: int


async def take(request: CurateRequest, wanted: Wanted, ask: Ask, role: str, model: str) -> DatasetTaken:
    """The rows as a source of the run, or why they are none. Raises `ToolFault`, and `BadInput` where the templates do
    not fit any row."""
    task, run = request.task, Path(request.folder)
    copy = await parquet_copy.locate(wanted.dataset, wanted.config, wanted.split)
    licence = _licence(copy)
    if licence and any(forbidden in licence.casefold() for forbidden in FORBIDDEN_LICENSES):
        raise ToolFault(f"the licence of {copy.dataset.id} is {licence!r}, which forbids training: take another one")
    named = {column: column for column in (*columns(task.prompt), *columns(task.answer))} | wanted.columns
    how = replace(wanted, columns=named)
    longer, rows = await _rows(copy, how, run)
    made = await asyncio.to_thread(make_all, rows, task.prompt, task.answer, task.metric)
    fit = [example for example in made if example is not None]
    held, clean = await _held_out(run, wanted.name, fit, ask)
    found = _origin(copy, how, held).model_copy(
        update={
            "license": licence,
            "read": len(rows) + longer,
            "kept": len(clean),
            "unfit": len(rows) - len(fit) + longer,
            "role": role,
            "model": model,
        }
    )
    if reason := _refusal(held, clean):
        return DatasetTaken(found=found.model_copy(update={"kept": 0}), accepted=False, reason=reason)
    try:
        found = await asyncio.to_thread(FOUND.store, run, found, clean)
    except FileExistsError as error:
        raise ToolFault(f"{error}: give another name") from error
    return DatasetTaken(found=found, accepted=True)


async def _rows(copy: Copy, wanted: Wanted, run: Path) -> tuple[int, list[dict[str, Any]]]:
    """How many were too long, and the others. Raises `ToolFault`."""
    read, text = await parquet_copy.read(
        copy,
        wanted.columns,
        label_names=wanted.label_names,
        start=wanted.start,
        most=wanted.most_rows,
        folder=FOUND.home(run),
    )
    rows = [json.loads(line) for line in text.splitlines()]
    if not rows:
        raise ToolFault(f"{copy.dataset.id} {wanted.split} has no rows of less than a page from {wanted.start} on")
    return read.longer, rows


def _origin(copy: Copy, wanted: Wanted, held: Overlap) -> FoundDataset:
    """Where its rows come from; not yet how many there are, nor who took it."""
    return FoundDataset(
        name=wanted.name,
        dataset=copy.dataset.id,
        config=wanted.config,
        split=wanted.split,
        revision=copy.dataset.sha or "",
        parquet_revision=copy.revision,
        gated=bool(copy.dataset.gated),
        columns=wanted.columns,
        label_names=wanted.label_names,
        start=wanted.start,
        most=wanted.most_rows,
        read=0,
        kept=0,
        dev_overlap=held.dev_exact + held.dev_near,
        test_overlap=held.test_exact + held.test_near,
        role="",
        model="",
    )


async def _held_out(run: Path, name: str, fit: Sequence[Example], ask: Ask) -> tuple[Overlap, list[dict[str, Any]]]:
    """What the scorer says of the rows, and those that stand in no held-out split: the others are not even kept."""
    path = run / "data" / "sources" / f"{name}-found.jsonl"
    sha256 = await asyncio.to_thread(
        jsonl.write, path, ({"prompt": one.prompt, "completion": one.completion} for one in fit)
    )
    path = path.replace(path.with_name(f"{name}-found-{sha256[:12]}.jsonl"))
    held = await overlap(ask, name, path, sha256)
    gone = set(held.drop)
    return held, [dict(one.row) for position, one in enumerate(fit) if position not in gone]


def _refusal(held: Overlap, clean: Sequence[object]) -> str:
    if len(held.drop) > LEAK_WHOLE * held.rows:
        share = f"{len(held.drop)} of {held.rows} rows stand in dev or test, more than {LEAK_WHOLE:.0%}"
        return f"{share}: it is made from them"
    return "" if clean else "no row is left"


def _licence(copy: Copy) -> str | None:
    """What its tags say; None where they say nothing, or nothing that is the name of a licence."""
    return ", ".join(one for one in tags(copy.dataset, "license:")[:4] if _LICENCE.fullmatch(one)) or None
