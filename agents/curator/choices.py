"""What a mind may choose about a mixture, and what becomes of it: the fields of the form and of `preview_mixture`, and
the plan that code makes of them. Whatever is chosen, `decide` cleans and the last check decontaminates.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field

from agents.curator.all_sources import sources
from agents.curator.playbook import Ask, curate
from agents.curator.selection import Convert, Pick, Selection
from agents.form import BadForm
from protocol.brief import DataSource
from protocol.data import CurateRequest, DataPlan, Rejection, TrlFormat
from protocol.errors import BadInput
from protocol.message import Part
from tools.filters import Filter
from tools.run_source import FOUND, SYNTHETIC
from tools.tool import untrusted


class Choice(Part):
    """One source."""

    name: str
    use: bool
    reason: str
    at_most_rows: Annotated[int, Field(gt=0)] | None = None
    """A seeded sample of so many of those that pass the filters; None: all of them."""
    filters: Annotated[tuple[Filter, ...], Field(max_length=12)] = ()
    """Applied in turn; try them with `try_filters` first."""
    weight: Annotated[float, Field(gt=0)] | None = None
    """Its part of the mixture, in proportion to the others'. All that are used have one, or none has."""


class OtherFormat(Part):
    """The mixture once more, for a script that wants it so."""

    format: TrlFormat
    conversational: bool = False
    rejected_column: str = "rejected"
    """Preference only: the column with the worse answer."""


class Choices(Part):
    """Of the whole mixture. Name every source of the task; of those that the run has made or found the ones to use."""

    sources: tuple[Choice, ...]
    total_rows: Annotated[int, Field(gt=0)] | None = None
    """At most so many."""
    seed: int | None = None
    """Of their order, and of what `total_rows` leaves out."""
    formats: Annotated[tuple[OtherFormat, ...], Field(max_length=4)] = ()
    """Beside prompt-completion, which is always there."""


async def planned(request: CurateRequest, chosen: Choices, ask: Ask, name: str = "mixture") -> DataPlan:
    """The plan of the chosen sources. Raises `BadForm` where a source is unknown, missing, or nothing is left."""
    there = sources(request)
    used = _used(request, chosen, there)
    task = request.task.model_copy(update={"data": tuple(there[choice.name] for choice in used)})
    try:
        plan = await curate(request.model_copy(update={"task": task}), ask, _selection(chosen, used), name)
    except BadInput as error:  # it may quote the rows
        raise BadForm(untrusted(str(error), "sources")) from error
    left_out = tuple(
        Rejection(source=choice.name, fault="unfit", rows=0, whole=True, reason=choice.reason)
        for choice in chosen.sources
        if not choice.use
    )
    run = Path(request.folder)
    made, found = SYNTHETIC.stored(run), FOUND.stored(run)
    profiles = tuple(
        profile.model_copy(update={"synthetic": made.get(profile.name), "found": found.get(profile.name)})
        for profile in plan.profiles
    )
    return plan.model_copy(update={"rejected": (*left_out, *plan.rejected), "profiles": profiles})


def _used(request: CurateRequest, chosen: Choices, there: dict[str, DataSource]) -> list[Choice]:
    """The sources to use, those of the task first. Raises `BadForm`."""
    named = [choice.name for choice in chosen.sources]
    own = [source.name for source in request.task.data]
    unknown = [name for name in named if name not in there]
    if unknown:
        raise BadForm(f"there is no source {unknown[0]!r}, only {', '.join(there)}")
    if len(set(named)) != len(named) or set(own) - set(named):
        raise BadForm(f"name each source once: {', '.join(own)}")
    order = {name: place for place, name in enumerate(own)}
    used = sorted((choice for choice in chosen.sources if choice.use), key=lambda one: order.get(one.name, len(order)))
    if not used:
        raise BadForm("use at least one source")
    unweighted = [choice.name for choice in used if choice.weight is None]
    if unweighted and len(unweighted) < len(used):
        raise BadForm(f"give a weight to every source that is used, or to none: {', '.join(unweighted)} has none")
    return used


def _selection(chosen: Choices, used: list[Choice]) -> Selection:
    return Selection(
        picks={choice.name: Pick(choice.filters, choice.at_most_rows) for choice in used},
        weights={choice.name: choice.weight for choice in used if choice.weight is not None},
        cap=chosen.total_rows,
        seed=chosen.seed,
        formats=tuple(Convert(one.format, one.conversational, one.rejected_column) for one in chosen.formats),
    )
