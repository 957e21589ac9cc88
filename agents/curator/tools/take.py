"""A dataset of the Hub as a source of this run: read by code, checked by code, and used only where it is submitted."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field

from agents.curator.all_sources import taken_name
from agents.curator.found import Wanted, take
from agents.curator.tools import rows
from protocol.errors import BadInput
from protocol.found import MOST_ROWS, FoundDataset
from protocol.generation import NAME
from tools.arguments import Arguments
from tools.hub.held_out import refuse_training
from tools.hub.services import RepositoryId
from tools.run_source import FOUND
from tools.tool import Desk, Tool, ToolFault

SHOWN = 3
MOST_SOURCES = 12
"""Found sources of a run, …"""
MOST_READINGS = 40
"""… and readings for them: each asks the scorer anew what stands in the held-out splits."""
Column = Annotated[str, Field(min_length=1, max_length=200)]


class TakeDataset(Arguments):
    name: str = Field(pattern=NAME)
    """Of the new source."""
    id: RepositoryId
    """owner/name."""
    config: str = Field(default="default", pattern=r"^\w[\w .,+()-]*$", max_length=200)
    """See inspect_dataset."""
    split: str = Field(default="train", pattern=r"^\w+(\.\w+)*$", max_length=200)
    """See inspect_dataset."""
    columns: dict[Column, Column] = Field(default={}, max_length=20)
    """Column that the task's templates name → column of the dataset. Those left out are called alike; further ones
    are kept, too (`rejected`, for preference)."""
    label_names: bool = False
    """Class labels by their names, not their numbers."""
    start: int = Field(default=0, ge=0)
    """The first row that is read."""
    most_rows: int = Field(default=5000, ge=1, le=MOST_ROWS)


async def _take(given: TakeDataset, desk: Desk) -> str:
    request = rows.request(desk)
    refuse_training(desk, given.id, given.split)
    before = FOUND.stored(Path(request.folder))
    if given.name in before and _same(given, before[given.name]):
        return f"{before[given.name].told()}. It stands already"
    if told := taken_name(request, given.name):
        raise ToolFault(told)
    readings = list((Path(request.folder) / "data" / "sources").glob("*-found-*.jsonl"))
    if len(before) >= MOST_SOURCES or len(readings) >= MOST_READINGS:
        raise ToolFault(f"{len(readings)} readings have made {len(before)} sources, which is enough: go on from these")
    try:
        taken = await take(request, _wanted(given), desk.ask, desk.role, desk.model)
    except BadInput as error:
        raise ToolFault(f"{error}. `columns` says which column of the dataset is which of the task's") from error
    await desk.say(taken)
    if not taken.accepted:
        raise ToolFault(f"{given.name} is no source: {taken.reason}\n{taken.found.told()}")
    examples = (await rows.read(desk, given.name)).examples
    some = rows.told(examples, range(min(SHOWN, len(examples))))
    unknown = "" if taken.found.license else "\nIts licence is not said: that is noted in the plan and in the report."
    return (
        f"{taken.found.told()}.{unknown}\nfor instance\n{some}\n"
        f"Look closer with profile_sources, and name {given.name} when you submit, to use it."
    )


def _wanted(given: TakeDataset) -> Wanted:
    return Wanted(
        given.name,
        given.id,
        given.config,
        given.split,
        dict(given.columns),
        given.label_names,
        given.start,
        given.most_rows,
    )


def _same(given: TakeDataset, before: FoundDataset) -> bool:
    """Whether it is asked for once more, as after a crash."""
    asked = (given.id.lower(), given.config, given.split, given.label_names, given.start, given.most_rows)
    there = (before.dataset.lower(), before.config, before.split, before.label_names, before.start, before.most)
    return asked == there and given.columns.items() <= before.columns.items()


TAKE_DATASET = Tool(
    "take_dataset",
    "Makes a split of a dataset on the Hub a source of this run: licence, gate and held-out splits are checked, rows "
    "are rendered by the task's templates, and those that stand in dev or test are left out.",
    TakeDataset,
    _take,
    seconds=300.0,
    outside=True,
)
