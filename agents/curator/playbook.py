"""The curator's playbook mind: profiles every source, decides what to train on, and writes the mixture. Called by
`agents.curator.role`; needs no key and no network.

The curator never sees the test split: it asks the scorer, which answers with counts and positions.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path

from agents.curator.decide import Decision, decide
from agents.curator.gather import Gathered, gather, trusted
from agents.curator.measure import measure
from agents.curator.selection import AS_THEY_COME, Convert, Selection
from agents.curator.summary import summary
from protocol.data import (
    Contamination,
    Converted,
    CurateRequest,
    DataPlan,
    Mixture,
    Overlap,
    OverlapRequest,
    Rejection,
)
from protocol.errors import BadInput, WrongAnswer
from protocol.message import Message
from tools import jsonl, trl_formats
from tools.mixture import Ingredient, mix, weigh, write
from tools.profile import Measured, profile, unreadable

Ask = Callable[[str, Message], Awaitable[Message]]
"""Asks another service by name, and gives its answer."""


class NothingToTrainOn(BadInput):
    """No source has a usable row."""

    def __init__(self, rejected: Sequence[Rejection]) -> None:
        self.rejected = tuple(rejected)
        told = "; ".join(f"{one.source}: {one.fault}, {one.reason}" for one in rejected if one.whole or one.rows)
        super().__init__(f"none of the data sources has a row to train on ({told}): correct them, or add another")


async def curate(
    request: CurateRequest, ask: Ask, selection: Selection = AS_THEY_COME, name: str = "mixture"
) -> DataPlan:
    """What to train on, what was rejected and why. Raises NothingToTrainOn, and BadInput where dev cannot be read, or a
    format does not fit any row."""
    read, measured = await measured_sources(request, ask, selection)
    decision = await asyncio.to_thread(decide, measured, request.task.eval)
    left_out = [rejection for one in read for rejection in one.left_out]
    decision.rejected[:0] = [*(_unreadable(one) for one in read if one.error), *left_out]
    seed = request.round if selection.seed is None else selection.seed
    unique = await asyncio.to_thread(mix, _ingredients(measured, decision), seed)
    mixed = weigh(unique, selection.weights, selection.cap)
    if not mixed:
        raise NothingToTrainOn(decision.rejected)
    decision.rejected += _surplus(unique, mixed, selection)
    path = Path(request.folder) / "data" / f"{name}-{request.round}.jsonl"
    mixture, contamination = await _write_clean(path, mixed, ask)
    mixture = await asyncio.to_thread(_convert, mixture, selection.formats)
    by_name = {one.name: profile(one) for one in measured}
    return DataPlan(
        profiles=tuple(by_name.get(one.source.name) or unreadable(one.source, one.error or "") for one in read),
        mixture=mixture,
        rejected=tuple(decision.rejected),
        contamination=contamination,
        summary=summary(measured, decision, mixture, contamination, len(unique) - len(mixed)),
    )


async def measured_sources(
    request: CurateRequest, ask: Ask, selection: Selection = AS_THEY_COME
) -> tuple[list[Gathered], list[Measured]]:
    """All sources as they were read, and the figures of those that could be. Raises BadInput where dev cannot be."""
    read = await asyncio.gather(
        *(asyncio.to_thread(gather, request, source, selection.of(source.name)) for source in request.task.data)
    )
    dev = await asyncio.to_thread(trusted, request)
    readable = [one for one in read if one.error is None]
    overlaps = await asyncio.gather(*(overlap(ask, one.source.name, one.path, one.sha256) for one in readable))
    told = {found.name: found for found in overlaps}
    model = Path(request.task_folder) / request.base_model
    return list(read), await asyncio.to_thread(measure, readable, told, dev, model)


async def overlap(ask: Ask, name: str, path: Path | None, sha256: str) -> Overlap:
    """What the scorer says of these rows: counts, and which of them to drop."""
    answer = await ask("scorer", OverlapRequest(name=name, path=str(path), sha256=sha256))
    if not isinstance(answer, Overlap):
        raise WrongAnswer("scorer", "overlap", answer.type)
    return answer


async def _write_clean(path: Path, mixed: list[Ingredient], ask: Ask) -> tuple[Mixture, Contamination]:
    """Write the mixture and have it checked as it will be trained on; what still overlaps is dropped, once."""
    mixture = await asyncio.to_thread(write, path, mixed)
    found = await overlap(ask, mixture.name, path, mixture.sha256)
    if found.drop:
        drop = set(found.drop)
        mixed = [one for position, one in enumerate(mixed) if position not in drop]
        if not mixed:
            raise BadInput("every row to train on stands in dev or test: add a source that is not made from them")
        path = path.with_name(f"{path.stem}-clean.jsonl")  # another name: the same question would get the same answer
        mixture = await asyncio.to_thread(write, path, mixed)
        found = await overlap(ask, mixture.name, path, mixture.sha256)
    test, dev = found.test_exact + found.test_near, found.dev_exact + found.dev_near
    clean = test == 0 and dev == 0
    return mixture, Contamination(clean=clean, rows_checked=found.rows, test_overlap=test, dev_overlap=dev)


def _convert(mixture: Mixture, formats: Sequence[Convert]) -> Mixture:
    """The mixture with the files of its other formats. Raises BadInput for one that none of its rows has."""
    if not formats:
        return mixture
    with Path(mixture.path).open(encoding="utf-8") as lines:  # `splitlines` would part at U+2028
        records = [json.loads(line) for line in lines]
    return mixture.model_copy(update={"converted": tuple(_converted(mixture, records, one) for one in formats)})


def _converted(mixture: Mixture, records: Sequence[Mapping[str, object]], wanted: Convert) -> Converted:
    made = [
        trl_formats.convert(record, wanted.format, conversational=wanted.conversational, rejected=wanted.rejected)
        for record in records
    ]
    fit = [row for row in made if row is not None and trl_formats.fault(row, wanted.format) is None]
    if not fit:
        needs = f" with a column {wanted.rejected!r} of a worse answer" if wanted.format == "preference" else ""
        raise BadInput(f"no row of the mixture has the format {wanted.format}: add rows{needs}, or leave it out")
    kind = "-messages" if wanted.conversational and wanted.format != "messages" else ""
    path = Path(mixture.path).with_name(f"{mixture.name}.{wanted.format}{kind}.jsonl")
    return Converted(
        format=wanted.format,
        conversational=wanted.conversational or wanted.format == "messages",
        path=str(path),
        sha256=jsonl.write(path, fit),
        rows=len(fit),
        left_out=len(records) - len(fit),
    )


def _surplus(unique: Sequence[Ingredient], mixed: Sequence[Ingredient], selection: Selection) -> list[Rejection]:
    """What weights and cap leave out, by source."""
    there, taken = Counter(one.source for one in unique), Counter(one.source for one in mixed)
    wanted = [f"weights {', '.join(f'{name} {weight:g}' for name, weight in selection.weights.items())}"]
    why = " and ".join([*wanted * bool(selection.weights), *[f"{selection.cap} rows at most"] * bool(selection.cap)])
    return [
        Rejection(source=name, fault="surplus", rows=rows - taken[name], whole=False, reason=f"left out: {why}")
        for name, rows in there.items()
        if rows > taken[name]
    ]


def _ingredients(measured: Sequence[Measured], decision: Decision) -> list[Ingredient]:
    return [
        Ingredient(one.name, one.examples[i], int(one.prompt_lengths[i]), int(one.answer_lengths[i]))
        for one in measured
        for i in decision.kept.get(one.name, ())
    ]


def _unreadable(one: Gathered) -> Rejection:
    return Rejection(source=one.source.name, fault="unreadable", rows=0, whole=True, reason=one.error or "")
