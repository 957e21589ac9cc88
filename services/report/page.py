"""What a report is made of: sections of typed blocks. The sections are built once and rendered twice, by
`markdown` and by `html`, which alone know how to escape.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True)
class Strong:
    text: str


@dataclass(frozen=True)
class Code:
    text: str


@dataclass(frozen=True)
class Link:
    """To a page outside. Only `https:` and `http:` addresses become links; others are told as text."""

    text: str
    href: str


@dataclass(frozen=True)
class Figure:
    """Something measured, with the anchor of where it stands in the appendix; "" where nothing was kept of it."""

    text: str
    anchor: str = ""


Span = str | Strong | Code | Link | Figure
Spans = tuple[Span, ...]
Cell = Span | Spans


@dataclass(frozen=True)
class Paragraph:
    spans: Spans


@dataclass(frozen=True)
class Verdict:
    """The answer in one sentence. `good`: the goal was met; `so_so`: better than before, not met; `bad`: neither."""

    kind: Literal["good", "so_so", "bad", "open"]
    title: str
    spans: Spans


@dataclass(frozen=True)
class Item:
    spans: Spans
    items: tuple[Item, ...] = ()
    mark: Literal["", "good", "bad"] = ""


@dataclass(frozen=True)
class Bullets:
    items: tuple[Item, ...]


@dataclass(frozen=True)
class Row:
    cells: tuple[Cell, ...]
    """A single one spans the table: it heads the rows below."""
    depth: int = 0
    """In a table that is a tree: how far below its root."""
    strong: bool = False
    anchor: str = ""


@dataclass(frozen=True)
class Table:
    head: tuple[str, ...]
    """Empty texts in all columns: a list of names and values."""
    rows: tuple[Row, ...]
    wide: bool = False
    """It may scroll sideways rather than squeeze its columns."""


@dataclass(frozen=True)
class Commands:
    """A shell script to copy."""

    lines: tuple[str, ...]


@dataclass(frozen=True)
class Mark:
    """One score in a chart: its 95 % interval, and where it is explained."""

    label: str
    value: float
    low: float
    high: float
    kind: Literal["base", "tried", "shipped", "test"] = "tried"
    minutes: float = 0.0
    """Since the run began, dead time left out."""
    anchor: str = ""


@dataclass(frozen=True)
class Chart:
    """Scores from 0 to 1. `over_time`: by minutes, with the line of what ships; else one line a mark."""

    title: str
    told: str
    """The same in words, for who does not see it."""
    marks: tuple[Mark, ...]
    over_time: bool
    ships: tuple[tuple[float, float], ...] = ()
    """(minutes, score) from which on so much ships."""
    lines: tuple[tuple[str, float], ...] = ()
    """Levels across the chart: the floor, the target."""
    breaks: tuple[tuple[float, str], ...] = ()
    """(minutes, why) at which the run stopped, to go on later."""


@dataclass(frozen=True)
class Bar:
    label: str
    begin: float
    end: float
    kind: Literal["good", "bad", "other"] = "other"


@dataclass(frozen=True)
class Timeline:
    """What ran when, in minutes since the run began."""

    title: str
    told: str
    bars: tuple[Bar, ...]
    end: float


Block = Paragraph | Verdict | Bullets | Table | Commands | Chart | Timeline


@dataclass(frozen=True)
class Section:
    title: str
    """Empty for the opening, which stands below the report's own title."""
    blocks: tuple[Block, ...]
    folded: bool = False
    """Long, and for reference: closed at first where that is possible."""

    @property
    def anchor(self) -> str:
        return "-".join("".join(char if char.isalnum() else " " for char in self.title.lower()).split())


@dataclass(frozen=True)
class Page:
    title: str
    sections: tuple[Section, ...] = field(default=())


def spans(cell: Cell) -> Spans:
    return cell if isinstance(cell, tuple) else (cell,)


def table(head: Sequence[str], rows: Sequence[Sequence[Cell]], wide: bool = False) -> Table:
    return Table(tuple(head), tuple(Row(tuple(row)) for row in rows), wide)


def bullets(*items: Spans) -> Bullets:
    return Bullets(tuple(Item(item) for item in items))
