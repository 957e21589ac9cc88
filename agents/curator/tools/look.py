"""Looks at the sources: figures, rows, and what filters would take out."""

from __future__ import annotations

from pydantic import Field

from agents.curator.all_sources import sources
from agents.curator.playbook import measured_sources
from agents.curator.tools import rows
from protocol.errors import BadInput
from tools.arguments import Arguments
from tools.filters import Filter
from tools.profile import profile
from tools.tool import Desk, Tool, ToolFault

SHOWN = 5
"""Rows that each filter takes out."""


class NamedSources(Arguments):
    sources: tuple[str, ...] = ()
    """By name; empty: all of them."""


class SampleRows(Arguments):
    source: str
    rows: int = Field(default=5, ge=1, le=20)
    start: int = Field(default=0, ge=0)
    """Position of the first, among those that pass the filters."""
    filters: tuple[Filter, ...] = Field(default=(), max_length=12)
    """Only rows that pass all of them."""


class TryFilters(Arguments):
    source: str
    filters: tuple[Filter, ...] = Field(min_length=1, max_length=12)


async def _profile(given: NamedSources, desk: Desk) -> str:
    request = rows.request(desk)
    there = sources(request)
    unknown = [name for name in given.sources if name not in there]
    if unknown:
        raise ToolFault(f"there is no source {unknown[0]!r}, only {', '.join(there)}")
    task = request.task.model_copy(update={"data": tuple(there.values())})
    try:  # all of them, whatever is told: conflicts and wrong answers show where sources differ
        read, measured = await measured_sources(request.model_copy(update={"task": task}), desk.ask)
    except BadInput as error:
        raise ToolFault(str(error)) from error
    wanted = set(given.sources or there)
    lines = [profile(one).model_dump_json(exclude_none=True) for one in measured if one.name in wanted]
    lines += [f"{one.source.name} cannot be read: {one.error}" for one in read if one.error]
    return "\n".join(lines)


async def _sample(given: SampleRows, desk: Desk) -> str:
    examples = (await rows.read(desk, given.source)).examples
    gone = {position for positions in await rows.taken_out(examples, given.filters) for position in positions}
    left = [position for position in range(len(examples)) if position not in gone]
    if given.start >= len(left):
        raise ToolFault(f"there is no row {given.start}: {len(left)} of {len(examples)} rows pass")
    some = left[given.start : given.start + given.rows]
    columns = ", ".join(examples[some[0]].row)
    return f"{len(left)} of {len(examples)} rows; columns {columns}\n{rows.told(examples, some)}"


async def _try(given: TryFilters, desk: Desk) -> str:
    examples = (await rows.read(desk, given.source)).examples
    gone = await rows.taken_out(examples, given.filters)
    left, lines = len(examples), [f"{len(examples)} rows before"]
    for one, positions in zip(given.filters, gone, strict=True):
        left -= len(positions)
        lines.append(f"kept is where {one.told()}: takes out {len(positions)}, {left} are left; for instance")
        lines.append(rows.told(examples, positions[:SHOWN]))
    return "\n".join(lines)


PROFILE_SOURCES = Tool(
    "profile_sources",
    "Figures of the candidate sources: rows, lengths, duplicates, conflicts, label noise, overlap, licence.",
    NamedSources,
    _profile,
    seconds=300.0,
    outside=True,
)
SAMPLE_ROWS = Tool(
    "sample_rows",
    "Rows of a source as they would be trained on, from a position on, or those that pass filters.",
    SampleRows,
    _sample,
    outside=True,
)
TRY_FILTERS = Tool(
    "try_filters",
    "How many rows of a source each of some filters would take out, with examples. Changes nothing: filters hold when "
    "they are submitted with the source.",
    TryFilters,
    _try,
    outside=True,
)
