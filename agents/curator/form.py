"""The Curator's form: which sources, and how much of each. Cleaning and decontamination are code's in any case."""

from __future__ import annotations

import asyncio
from typing import Annotated, cast

from pydantic import Field

from agents import digest
from agents.curator.gather import gather
from agents.curator.playbook import curate, measured_sources
from agents.form import BadForm, Form
from agents.role import Ask
from protocol.brief import DataSource
from protocol.data import CurateRequest, DataPlan, Rejection
from protocol.message import Part
from tools.arguments import Arguments
from tools.profile import profile
from tools.tool import Desk, Tool, ToolFault


class Choice(Part):
    """One source."""

    name: str
    use: bool
    reason: str
    at_most_rows: Annotated[int, Field(gt=0)] | None = None
    """A seeded sample of so many; None: all of it."""


class CurateForm(Part):
    """Which sources shall we train on? Name every one."""

    sources: tuple[Choice, ...]
    summary: str


class Nothing(Arguments):
    """No arguments."""


class SampleRows(Arguments):
    source: str
    rows: int = Field(default=5, ge=1, le=20)
    start: int = Field(default=0, ge=0)


async def _profile(given: Nothing, desk: Desk) -> str:
    _, measured = await measured_sources(cast(CurateRequest, desk.request), desk.ask)
    return "\n".join(profile(one).model_dump_json() for one in measured)


async def _sample(given: SampleRows, desk: Desk) -> str:
    request = cast(CurateRequest, desk.request)
    named = {source.name: source for source in request.task.data}
    if given.source not in named:
        raise ToolFault(f"there is no source {given.source!r}, only {', '.join(named)}")
    read = await asyncio.to_thread(gather, request, named[given.source])
    if read.error:
        raise ToolFault(read.error)
    some = read.examples[given.start : given.start + given.rows]
    return "\n".join(f"{example.prompt!r} → {example.completion!r}" for example in some) or "no rows there"


PROFILE_SOURCES = Tool(
    "profile_sources",
    "Figures of every candidate source: rows, lengths, duplicates, conflicts, label noise, overlap, licence.",
    Nothing,
    _profile,
    seconds=300.0,
)
SAMPLE_ROWS = Tool("sample_rows", "Rows of a source as they would be trained on.", SampleRows, _sample, outside=True)


def tell(request: CurateRequest) -> str:
    named = "\n".join(f"- {source.model_dump_json(exclude_defaults=True)}" for source in request.task.data)
    return f"{digest.brief(request.task)}\n# Candidate sources\n{named}\nWhat shall we train on?"


async def complete(request: CurateRequest, filled: CurateForm, ask: Ask) -> DataPlan:
    """The plan of the chosen sources. Raises `BadForm` where a source is unknown, missing, or none is left."""
    chosen = {choice.name: choice for choice in filled.sources}
    named = [source.name for source in request.task.data]
    if set(chosen) != set(named):
        raise BadForm(f"name each source once: {', '.join(named)}")
    used = tuple(_sampled(source, chosen[source.name]) for source in request.task.data if chosen[source.name].use)
    if not used:
        raise BadForm("use at least one source")
    plan = await curate(request.model_copy(update={"task": request.task.model_copy(update={"data": used})}), ask)
    left_out = tuple(
        Rejection(source=choice.name, fault="unfit", rows=0, whole=True, reason=choice.reason)
        for choice in filled.sources
        if not choice.use
    )
    return plan.model_copy(
        update={"rejected": (*left_out, *plan.rejected), "summary": f"{filled.summary} {plan.summary}"}
    )


def _sampled(source: DataSource, choice: Choice) -> DataSource:
    if choice.at_most_rows is None or (source.sample is not None and source.sample <= choice.at_most_rows):
        return source
    return source.model_copy(update={"sample": choice.at_most_rows})


FORM = Form(CurateForm, tell, complete, (PROFILE_SOURCES.name, SAMPLE_ROWS.name))
