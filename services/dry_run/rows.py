"""The data of a task: files are read and rendered by the templates, datasets on the Hub are asked for where there is a
network. Generators are scripts, and not run.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel

from protocol.brief import Source, Task
from protocol.errors import BadInput
from services.dry_run.findings import Finding, SourceFound
from tools.examples import make_all
from tools.http import Unreachable
from tools.hub import repository, viewer
from tools.hub.found import licence
from tools.hub_client import Gated
from tools.service import Missing
from tools.sources import locate, read_rows
from tools.tool import ToolFault

Found = tuple[SourceFound, list[Finding]]


class _Split(BaseModel):
    config: str
    split: str
    num_rows: int | None = None


class _Sizes(BaseModel):
    splits: list[_Split] = []


class _Size(BaseModel):
    """The datasets server's `/size`."""

    size: _Sizes


def named(task: Task) -> Iterator[tuple[str, Source]]:
    """All sources of rows, by the name that findings call them."""
    yield from ((f"data {source.name}", source) for source in task.data)
    if task.eval is not None:
        yield "eval.dev", task.eval.dev
        yield "eval.test", task.eval.test


async def look(name: str, source: Source, task: Task, folder: Path, data: Path | None) -> Found:
    """What can be told of a source."""
    if source.generator is not None:
        found = SourceFound(name=name, where="generator")
        return found, [Finding(name=name, state="unknown", told=f"{source.generator} is not run by a dry run")]
    if locate(source, folder, data) is not None:
        return _read(name, source, task, folder, data)
    assert source.dataset is not None, "load_task has found the files"
    return await _asked(name, source, source.dataset)


def _read(name: str, source: Source, task: Task, folder: Path, data: Path | None) -> Found:
    found = SourceFound(name=name, where="file")
    try:
        rows = read_rows(source, folder, data)
        made = [one for one in make_all(rows, task.prompt, task.answer, task.metric) if one is not None]
    except BadInput as error:
        return found, [Finding(name=name, state="fault", told=str(error))]
    found = SourceFound(
        name=name,
        where="file",
        rows=len(rows),
        usable=len(made),
        columns=tuple(rows[0]),
        prompt_characters=max((len(one.prompt) for one in made), default=0),
        answer_characters=max((len(one.completion) for one in made), default=0),
    )
    blank = len(rows) - len(made)
    told = f"{len(rows):,} rows" + (f", {blank:,} of them without a prompt or an answer" if blank else "")
    return found, [Finding(name=name, state="warning" if blank else "ok", told=told)]


async def _asked(name: str, source: Source, dataset: str) -> Found:
    """A dataset on the Hub: is it there, is it open, has it the split, how many rows."""
    found = SourceFound(name=name, where="hub")
    try:
        info = await repository.ask(lambda api: api.dataset_info(dataset), dataset, "dataset")
        told = f"{dataset} is on the Hub (licence: {licence(info)}{', gated, and open to you' if info.gated else ''})"
        if info.disabled:
            return found, [Finding(name=name, state="fault", told=f"{dataset} is disabled on the Hub: take another")]
    except Unreachable:
        return found, [Finding(name=name, state="unknown", told=f"{dataset} on the Hub is not checked offline")]
    except (Missing, Gated) as error:
        return found, [Finding(name=name, state="fault", told=str(error))]
    except ToolFault as error:
        return found, [Finding(name=name, state="unknown", told=str(error))]
    return await _split_of(found, source, dataset, told)


async def _split_of(found: SourceFound, source: Source, dataset: str, told: str) -> Found:
    """The split, as the datasets server knows it, which does not know every dataset."""
    try:
        size = await viewer.ask("/size", dataset, {}, _Size)
    except ToolFault:
        return found, [Finding(name=found.name, state="ok", told=f"{told}; its splits are not shown")]
    configs = list(dict.fromkeys(one.config for one in size.size.splits))
    splits = {one.split: one for one in size.size.splits if one.config == (source.config or one.config)}
    if source.config is not None and source.config not in configs:
        there = ", ".join(configs[:20])
        wrong = f"{dataset} has no configuration {source.config!r}: write config: one of {there}"
        return found, [Finding(name=found.name, state="fault", told=wrong)]
    part = source.split.partition("[")[0]
    if part not in splits:
        wrong = f"{dataset} has no split {part!r}: write split: one of {', '.join(list(splits)[:20])}"
        return found, [Finding(name=found.name, state="fault", told=wrong)]
    if source.config is None and len(configs) > 1:
        told += f"; it has the configurations {', '.join(configs[:10])}: say which with config, if it does not load"
    rows = splits[part].num_rows if part == source.split else None
    if rows is not None and source.sample is not None:
        rows = min(rows, source.sample)
    counted = f", {rows:,} rows" if rows is not None else ""
    return found.model_copy(update={"rows": rows}), [Finding(name=found.name, state="ok", told=told + counted)]
