"""The tools that show rows of a dataset on the Hub, and how its columns are distributed."""

from __future__ import annotations

import json
from typing import Annotated, Any

from pydantic import BaseModel, Field

from tools.arguments import Arguments
from tools.excerpt import shortened
from tools.hub import viewer
from tools.hub.features import feature
from tools.hub.held_out import refuse_split
from tools.hub.services import RepositoryId
from tools.tool import Desk, Tool, ToolFault

FIRST_ROWS = 100
"""What `/first-rows` holds at most, of datasets too that are shown in part only; of long rows it may be ten."""
CELL, PAGE = 1_500, 9_000
"""Characters of a value, and of all of a page: values are shorter in a long one."""
COLUMNS, LABELS = 40, 15


class OneSplit(Arguments):
    id: RepositoryId
    """owner/name."""
    config: Annotated[str, Field(min_length=1, max_length=200)] = "default"
    """See inspect_dataset."""
    split: Annotated[str, Field(min_length=1, max_length=200)] = "train"
    """See inspect_dataset."""


class DatasetRows(OneSplit):
    start: Annotated[int, Field(ge=0)] = 0
    limit: Annotated[int, Field(ge=1, le=20)] = 5


class Column(BaseModel):
    name: str
    type: Any = None


class ShownRow(BaseModel):
    row_idx: int
    row: dict[str, Any]
    truncated_cells: list[str] = []


class Rows(BaseModel):
    """`/first-rows`, which has no total, and `/rows`."""

    features: list[Column] = []
    rows: list[ShownRow]
    num_rows_total: int | None = None
    truncated: bool = False
    """Of `/first-rows`: there are further rows, or some are cut."""
    partial: bool = False
    """Of `/rows`: the split has more rows than the total, but the server holds only these."""


class Distribution(BaseModel):
    column_name: str
    column_type: str
    column_statistics: dict[str, Any]


class Statistics(BaseModel):
    """`/statistics`"""

    num_examples: int
    statistics: list[Distribution]
    partial: bool = False


async def _rows(given: DatasetRows, desk: Desk) -> str:
    refuse_split(desk, given.id, given.split)
    name = f"{given.id} {given.config} / {given.split}"
    found, shown, note = await _page(given)
    if not shown:
        if note:
            raise viewer.NotShown(f"{name}: {note}. For others {viewer.FILES}")
        total = f": it has {found.num_rows_total:,}" if found.num_rows_total is not None else ""
        return f"{name} has no rows from {given.start} on{total}"
    last = given.start + len(shown)
    total = f" of {found.num_rows_total:,}" if found.num_rows_total is not None else ""
    more = note or (f"go on with start={last}" if found.num_rows_total != last else "these are the last")
    columns = ", ".join(f"{column.name} ({feature(column.type)})" for column in found.features[:COLUMNS])
    head = f"{name}, rows {given.start} to {last - 1}{total}; {more}\ncolumns: {shortened(columns, 1_500)}"
    each = max(60, min(CELL, PAGE // (len(shown) * max(1, len(found.features)))))
    return "\n\n".join([head, *(_row(one, each) for one in shown)])


async def _page(given: DatasetRows) -> tuple[Rows, list[ShownRow], str]:
    """What is known of the split, the rows that are wanted, and a note where the server does not show all of these."""
    where, last = {"config": given.config, "split": given.split}, given.start + given.limit
    first = await viewer.ask("/first-rows", given.id, where, Rows) if last <= FIRST_ROWS else None
    if first and len(first.rows) >= last:
        return first, first.rows[given.start : last], ""
    if first and not first.truncated:
        whole = first.model_copy(update={"num_rows_total": len(first.rows)})
        return whole, first.rows[given.start :], ""
    try:
        page = where | {"offset": str(given.start), "length": str(given.limit)}
        found = await viewer.ask("/rows", given.id, page, Rows)
        held = found.num_rows_total
        over = found.partial and held is not None and given.start + len(found.rows) >= held
        return found, found.rows[: given.limit], f"the server holds only the first {held:,} rows" if over else ""
    except ToolFault:
        if first is None:
            raise
        return first, first.rows[given.start :], f"the server shows only the first {len(first.rows)} rows"


def _row(one: ShownRow, characters: int) -> str:
    cells = [f"{name}: {_cell(value, characters)}" for name, value in list(one.row.items())[:COLUMNS]]
    cut = f" [cut by the server: {', '.join(one.truncated_cells[:COLUMNS])}]" if one.truncated_cells else ""
    return "\n".join([f"row {one.row_idx}{cut}", *cells])


def _cell(value: Any, characters: int) -> str:
    """As JSON, so that line breaks and quotes are seen for what they are. A picture or a sound is named only."""
    if _is_media(value):
        return "(image or audio)"
    told = json.dumps(value, ensure_ascii=False)
    return told if len(told) <= characters else f"{told[:characters]}… ({len(told):,} characters)"


def _is_media(value: Any) -> bool:
    """An address with its size or type: of a picture one, of a sound a list, which pictures may stand in too."""
    some = value if isinstance(value, list) else [value]
    return bool(some) and all(isinstance(one, dict) and isinstance(one.get("src"), str) for one in some)


async def _statistics(given: OneSplit, desk: Desk) -> str:
    refuse_split(desk, given.id, given.split)
    found = await viewer.ask("/statistics", given.id, {"config": given.config, "split": given.split}, Statistics)
    part = ", the first 5 GB only" if found.partial else ""
    head = f"{given.id} {given.config} / {given.split}: {found.num_examples:,} rows{part}"
    return "\n".join([head, *(_distribution(one) for one in found.statistics[:COLUMNS])])


def _distribution(one: Distribution) -> str:
    """`string_text` and `list` are measured by their lengths, `audio` by its seconds."""
    said = one.column_statistics
    unit = {"string_text": " characters", "list": " items", "audio": " s"}.get(one.column_type, "")
    measured = ((name, _figure(said.get(name))) for name in ("min", "median", "mean", "max", "std"))
    figures = [f"{name} {figure}" for name, figure in measured if figure]
    counted = said.get("frequencies")
    if isinstance(counted, dict):
        ranked = sorted(counted.items(), key=lambda pair: -pair[1] if _number(pair[1]) else 0)
        more = f", … ({len(ranked)} in all)" if len(ranked) > LABELS else ""
        figures.append(", ".join(f"{shortened(str(name), 60)} × {count}" for name, count in ranked[:LABELS]) + more)
    empty = said.get("nan_count")
    gaps = f"; {empty} empty" if _number(empty) and empty else ""
    return f"- {one.column_name} ({one.column_type}){unit}: {', '.join(figures) or 'nothing measured'}{gaps}"


def _figure(value: Any) -> str:
    """Of times it is a text. Empty where there is none."""
    if isinstance(value, str):
        return shortened(value, 40)
    return f"{value:g}" if _number(value) else ""


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


DATASET_ROWS = Tool(
    "dataset_rows",
    "Rows of a split of a dataset on the Hub, from any place. The task's test split is closed.",
    DatasetRows,
    _rows,
    seconds=120.0,
    outside=True,
)
DATASET_STATISTICS = Tool(
    "dataset_statistics",
    "How the columns of a split are distributed: lengths of texts, counts of labels, ranges of numbers, empty values.",
    OneSplit,
    _statistics,
    seconds=120.0,
    outside=True,
)
