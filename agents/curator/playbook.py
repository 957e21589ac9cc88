"""The curator's playbook mind: profiles every source, decides what to train on, and writes the mixture. Called by
`agents.curator.role`; needs no key and no network.

The curator never sees the test split: it asks the scorer, which answers with counts and positions.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from agents.curator.decide import Decision, decide
from agents.curator.gather import Gathered, gather, trusted
from agents.curator.measure import measure
from agents.curator.summary import summary
from protocol.data import Contamination, CurateRequest, DataPlan, Mixture, Overlap, OverlapRequest, Rejection
from protocol.errors import BadInput, WrongAnswer
from protocol.message import Message
from tools.mixture import Ingredient, mix, write
from tools.profile import Measured, profile, unreadable

Ask = Callable[[str, Message], Awaitable[Message]]
"""Asks another service by name, and gives its answer."""


class NothingToTrainOn(BadInput):
    """No source has a usable row."""

    def __init__(self, rejected: Sequence[Rejection]) -> None:
        self.rejected = tuple(rejected)
        told = "; ".join(f"{one.source}: {one.fault}, {one.reason}" for one in rejected if one.whole or one.rows)
        super().__init__(f"none of the data sources has a row to train on ({told}): correct them, or add another")


async def curate(request: CurateRequest, ask: Ask) -> DataPlan:
    """What to train on, what was rejected and why. Raises NothingToTrainOn, and BadInput where dev cannot be read."""
    read, measured = await measured_sources(request, ask)
    decision = await asyncio.to_thread(decide, measured, request.task.eval)
    decision.rejected[:0] = [_unreadable(one) for one in read if one.error]
    mixed = await asyncio.to_thread(mix, _ingredients(measured, decision), request.round)
    if not mixed:
        raise NothingToTrainOn(decision.rejected)
    path = Path(request.folder) / "data" / f"mixture-{request.round}.jsonl"
    mixture, contamination = await _write_clean(path, mixed, ask)
    by_name = {one.name: profile(one) for one in measured}
    return DataPlan(
        profiles=tuple(by_name.get(one.source.name) or unreadable(one.source, one.error or "") for one in read),
        mixture=mixture,
        rejected=tuple(decision.rejected),
        contamination=contamination,
        summary=summary(measured, decision, mixture, contamination),
    )


async def measured_sources(request: CurateRequest, ask: Ask) -> tuple[list[Gathered], list[Measured]]:
    """All sources as they were read, and the figures of those that could be. Raises BadInput where dev cannot be."""
    read = await asyncio.gather(*(asyncio.to_thread(gather, request, source) for source in request.task.data))
    dev = await asyncio.to_thread(trusted, request)
    readable = [one for one in read if one.error is None]
    overlaps = await asyncio.gather(*(_overlap(ask, one.source.name, one.path) for one in readable))
    told = {overlap.name: overlap for overlap in overlaps}
    model = Path(request.task_folder) / request.base_model
    return list(read), await asyncio.to_thread(measure, readable, told, dev, model)


async def _overlap(ask: Ask, name: str, path: Path | None) -> Overlap:
    answer = await ask("scorer", OverlapRequest(name=name, path=str(path)))
    if not isinstance(answer, Overlap):
        raise WrongAnswer("scorer", "overlap", answer.type)
    return answer


async def _write_clean(path: Path, mixed: list[Ingredient], ask: Ask) -> tuple[Mixture, Contamination]:
    """Write the mixture and have it checked as it will be trained on; what still overlaps is dropped, once."""
    mixture = await asyncio.to_thread(write, path, mixed)
    overlap = await _overlap(ask, mixture.name, path)
    if overlap.drop:
        drop = set(overlap.drop)
        mixed = [one for position, one in enumerate(mixed) if position not in drop]
        if not mixed:
            raise BadInput("every row to train on stands in dev or test: add a source that is not made from them")
        path = path.with_name(f"{path.stem}-clean.jsonl")  # another name: the same question would get the same answer
        mixture = await asyncio.to_thread(write, path, mixed)
        overlap = await _overlap(ask, mixture.name, path)
    test, dev = overlap.test_exact + overlap.test_near, overlap.dev_exact + overlap.dev_near
    clean = test == 0 and dev == 0
    return mixture, Contamination(clean=clean, rows_checked=overlap.rows, test_overlap=test, dev_overlap=dev)


def _ingredients(measured: Sequence[Measured], decision: Decision) -> list[Ingredient]:
    return [
        Ingredient(one.name, one.examples[i], int(one.prompt_lengths[i]), int(one.answer_lengths[i]))
        for one in measured
        for i in decision.kept.get(one.name, ())
    ]


def _unreadable(one: Gathered) -> Rejection:
    return Rejection(source=one.source.name, fault="unreadable", rows=0, whole=True, reason=one.error or "")
