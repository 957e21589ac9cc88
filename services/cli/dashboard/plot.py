"""Plots in characters: scores over time with the line of what ships, and a training's loss as a curve."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise

from rich.text import Text

from services.cli.dialogue import clock
from services.report.plain import BARS

AXIS = 6
"""Columns of the vertical axis: `0.900┤`."""
LEAST_SPAN = 0.1
"""A vertical axis never shows less than so much of a score, or noise would look like progress."""
LINE = "╌"
BRAILLE = 0x2800
DOTS = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))
"""Bits of a braille cell, by column and row (Unicode 15, chapter 21.1)."""


@dataclass(frozen=True)
class Point:
    """A score: seconds since the run began, its value."""

    x: float
    y: float
    sign: str
    style: str


@dataclass(frozen=True)
class Level:
    """A line across the plot: the floor, the target."""

    y: float
    label: str
    style: str


class _Grid:
    """Characters with styles; what is put later covers what was put before."""

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self._cells = [[(" ", "")] * width for _ in range(height)]

    def put(self, column: int, row: int, sign: str, style: str) -> None:
        if 0 <= column < self.width and 0 <= row < self.height:
            self._cells[row][column] = (sign, style)

    def write(self, row: int, told: str, style: str) -> None:
        """Over a level's line, where nothing else is in the way; nowhere when something is everywhere."""
        free = "".join(sign if sign in LINE else " " for sign, _ in self._cells[row])
        begin = free.find(LINE * len(told), 1)
        for at, sign in enumerate(told if begin > 0 else ""):
            self.put(begin + at, row, sign, style)

    def row(self, number: int) -> Text:
        alike = groupby(self._cells[number], key=lambda cell: cell[1])
        return Text.assemble(*(("".join(sign for sign, _ in cells), style) for style, cells in alike))


def over_time(
    points: Sequence[Point],
    ships: Sequence[tuple[float, float]],
    levels: Sequence[Level],
    until: float,
    width: int,
    height: int,
) -> list[Text]:
    """Scores over `until` seconds; `ships` are (seconds, score) from which on so much stands in `final_model/`."""
    rows, columns = height - 1, width - AXIS
    if rows < 3 or columns < 10:
        return []
    low, high = _range([point.y for point in points] + [y for _, y in ships] + [level.y for level in levels])
    grid = _Grid(columns, rows)

    def column(x: float) -> int:
        return round(min(1.0, max(0.0, x / until)) * (columns - 1)) if until > 0 else 0

    def row(y: float) -> int:
        return round((high - y) / (high - low) * (rows - 1))

    for level in levels:
        for at in range(columns):
            grid.put(at, row(level.y), LINE, level.style)
    _steps(grid, [(column(x), row(y)) for x, y in ships], column(until))
    for point in points:
        grid.put(column(point.x), row(point.y), point.sign, point.style)
    for level in levels:
        grid.write(row(level.y), f" {level.label} ", level.style)
    ticks = {row(value): value for value in (low, (low + high) / 2, high)}
    drawn = [Text.assemble((_tick(ticks.get(at)), "dim"), grid.row(at)) for at in range(rows)]
    return [*drawn, _time_axis(until, width)]


def _tick(value: float | None) -> str:
    return f"{value:5.2f}┤" if value is not None else "     │"


def _time_axis(until: float, width: int) -> Text:
    begin, middle, end = clock(0), clock(until / 2), clock(until)
    line = list(" " * width)
    for told, at in ((begin, AXIS), (middle, AXIS + (width - AXIS - len(middle)) // 2), (end, width - len(end))):
        line[at : at + len(told)] = told
    return Text("".join(line)[:width], style="dim")


def _range(values: Sequence[float]) -> tuple[float, float]:
    """Somewhat more than the values span, inside 0 to 1."""
    low, high = min(values, default=0.0), max(values, default=1.0)
    room = max(LEAST_SPAN - (high - low), 0.05 * (high - low)) / 2
    low, high = low - room, high + room
    return (max(0.0, low), min(1.0, high)) if high - low < 1 else (0.0, 1.0)


def _steps(grid: _Grid, ships: Sequence[tuple[int, int]], end: int) -> None:
    style = "green"
    for number, (column, row) in enumerate(ships):
        stop = ships[number + 1][0] if number + 1 < len(ships) else end
        for at in range(column, stop + 1):
            grid.put(at, row, "━", style)
        if not number or ships[number - 1][1] == row:
            continue
        before = ships[number - 1][1]
        for at in range(min(row, before) + 1, max(row, before)):
            grid.put(column, at, "┃", style)
        grid.put(column, before, "┛" if row < before else "┓", style)
        grid.put(column, row, "┏" if row < before else "┗", style)


def curve(values: Sequence[float], width: int, height: int, share: float = 1.0) -> list[Text]:
    """A curve in braille, over the first `share` of the width, between its own least and greatest value, which stand
    beside it."""
    drawn = max(1, min(width - AXIS - 1, round((width - AXIS - 1) * share)))
    if height < 1 or width - AXIS < 4 or len(values) < 2:
        return []
    low, high = min(values), max(values)
    cells = [[0] * drawn for _ in range(height)]
    scale = (4 * height - 1) / (high - low) if high > low else 0.0
    dots = [round((high - value) * scale) for value in _sampled(values, 2 * drawn)]
    for column, (before, row) in enumerate(pairwise([dots[0], *dots])):
        for dot in range(min(before + 1, row), max(before - 1, row) + 1):  # no gap where it is steep
            cells[dot // 4][column // 2] |= DOTS[column % 2][dot % 4]
    told = {0: f"{high:5.2f}┤", height - 1: f"{low:5.2f}┤"}
    return [
        Text.assemble((told.get(at, "     │"), "dim"), ("".join(chr(BRAILLE + cell) for cell in row), "cyan"))
        for at, row in enumerate(cells)
    ]


def sparkline(values: Sequence[float], width: int) -> str:
    """One bar a column, between the least and the greatest value."""
    if not values or width < 1:
        return ""
    low, high = min(values), max(values)
    scale = (len(BARS) - 1) / (high - low) if high > low else 0.0
    return "".join(BARS[round((value - low) * scale)] for value in _sampled(values, width))


def _sampled(values: Sequence[float], width: int) -> list[float]:
    """So many values, evenly from the first to the last, on the straight lines between them."""
    if len(values) == 1 or width == 1:
        return [values[-1]] * width
    found = []
    for at in range(width):
        place = at * (len(values) - 1) / (width - 1)
        before = min(int(place), len(values) - 2)
        found.append(values[before] + (place - before) * (values[before + 1] - values[before]))
    return found
