"""The charts of a report as inline SVG 1.1: no script, no font, no address; colours are classes, so that the page's own
style makes them light or dark. Every chart has a title and a description in words (WAI-ARIA `img`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from services.report.page import Bar, Chart, Mark, Timeline

WIDTH = 760
"""Of the drawing, in its own units; the page scales it."""
LABELS = (110, 300)
"""Units left of the scale, for names: at least, at most."""
RIGHT = 70
LINE = 34
"""Units a line of the chart takes."""
HEIGHT = 300
"""Of a chart over time."""
LEFT = 44
TICKS = (0.0, 0.25, 0.5, 0.75, 1.0)
CHARACTER = 7.2
"""Units that a character of a label is wide, about."""
LARGE_CHARACTER = 10.5
"""The same on a phone, where labels are larger."""
NEAR = 16.0
"""Labels nearer to each other than this would overlap."""


def chart(chart: Chart, id: str) -> str:
    return _over_time(chart, id) if chart.over_time else _intervals(chart, id)


def _svg(id: str, title: str, told: str, height: float, inside: Sequence[str]) -> str:
    head = (
        f'<svg viewBox="0 0 {WIDTH} {height:g}" role="img" aria-labelledby="{id}-title {id}-told" '
        f'xmlns="http://www.w3.org/2000/svg"><title id="{id}-title">{escape(title)}</title>'
        f'<desc id="{id}-told">{escape(told)}</desc>'
    )
    return "\n".join([head, *inside, "</svg>"])


def _text(x: float, y: float, told: str, anchor: str = "start", kind: str = "label") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" class="{kind}">{escape(_fitting(told))}</text>'


def _line(x1: float, y1: float, x2: float, y2: float, kind: str) -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" class="{kind}"/>'


def _fitting(told: str, width: float = 60) -> str:
    """Printable, and no longer than there is room for."""
    line = "".join(char if char.isprintable() else " " for char in told)
    return line if len(line) <= width else line[: int(width) - 1] + "…"


def _clipped(value: float) -> float:
    return min(1.0, max(0.0, value))


# -- a line a score, with its interval ---------------------------------------------------------------------------


def _names(labels: Iterable[str]) -> float:
    """Units that the names take."""
    longest = max((len(label) for label in labels), default=0)
    return min(float(LABELS[1]), max(float(LABELS[0]), LARGE_CHARACTER * longest + 24))


def _intervals(chart: Chart, id: str) -> str:
    names = _names(mark.label for mark in chart.marks)
    top, below = (24 if chart.lines else 6), 30
    height = top + LINE * len(chart.marks) + below
    floor = height - below

    def x(value: float) -> float:
        return names + _clipped(value) * (WIDTH - names - RIGHT)

    drawn = [_line(x(tick), top, x(tick), floor, "grid") for tick in TICKS]
    drawn += [_text(x(tick), height - 10, f"{tick:g}", "middle", "tick") for tick in TICKS]
    for name, value in chart.lines:
        drawn += [
            _line(x(value), top - 6, x(value), floor, "target"),
            _text(x(value), top - 10, f"{name} {value:.3f}", "middle" if value < 0.9 else "end", "tick"),
        ]
    for number, mark in enumerate(chart.marks):
        y = top + LINE * (number + 0.5)
        drawn += [
            _text(names - 12, y + 5, _fitting(mark.label, (names - 12) / LARGE_CHARACTER), "end"),
            f'<g class="{mark.kind}"><title>{escape(_told(mark))}</title>',
            _line(x(mark.low), y, x(mark.high), y, "whisker"),
            f'<circle cx="{x(mark.value):.1f}" cy="{y:.1f}" r="6"/></g>',
            _text(WIDTH - 2, y + 5, f"{mark.value:.3f}", "end", "value"),
        ]
    return _svg(id, chart.title, chart.told, height, drawn)


def _told(mark: Mark) -> str:
    return f"{mark.label}: {mark.value:.3f} [{mark.low:.3f}, {mark.high:.3f}]"


# -- scores over time --------------------------------------------------------------------------------------------


def _over_time(chart: Chart, id: str) -> str:
    top, bottom = 16, HEIGHT - 40
    end = max([mark.minutes for mark in chart.marks] + [minutes for minutes, _ in chart.ships] + [0.1]) * 1.05

    def x(minutes: float) -> float:
        return LEFT + minutes / end * (WIDTH - LEFT - 20)

    def y(value: float) -> float:
        return bottom - _clipped(value) * (bottom - top)

    drawn = [_line(LEFT, y(tick), WIDTH - 20, y(tick), "grid") for tick in TICKS]
    drawn += [_text(LEFT - 8, y(tick) + 4, f"{tick:g}", "end", "tick") for tick in TICKS]
    for minute in _minutes(end):
        drawn.append(_text(x(minute), bottom + 18, f"{minute:g}", "middle", "tick"))
    drawn.append(_text((LEFT + WIDTH) / 2, HEIGHT - 4, "minutes since the run began", "middle", "tick"))
    drawn += [
        _line(LEFT, y(value), WIDTH - 20, y(value), "target" if name == "target" else "floor")
        for name, value in chart.lines
    ]
    drawn += [
        _text(WIDTH - 22, y(value) - 6, f"{name} {value:.3f}", "end", "tick")
        if name != "target"
        else _text(LEFT + 6, y(value) - 6, f"{name} {value:.3f}", kind="tick")
        for name, value in chart.lines
    ]
    for minute, why in chart.breaks:
        drawn += [
            _line(x(minute), top, x(minute), bottom, "break"),
            _text(x(minute) + 6, top + 10, why, kind="tick"),
        ]
    if chart.ships:
        drawn.append(f'<path d="{_steps([(x(m), y(v)) for m, v in chart.ships], x(end))}" class="ships"/>')
    for mark in chart.marks:
        drawn += [
            f'<g class="{mark.kind}"><title>{escape(_told(mark))}</title>',
            _line(x(mark.minutes), y(mark.low), x(mark.minutes), y(mark.high), "whisker"),
            f'<circle cx="{x(mark.minutes):.1f}" cy="{y(mark.value):.1f}" r="5"/></g>',
        ]
    places = [(x(mark.minutes), y(mark.value), mark.label) for mark in chart.marks]
    named = [place for place, mark in zip(places, chart.marks, strict=True) if mark.kind != "base"]
    return _svg(id, chart.title, chart.told, HEIGHT, drawn + _labels(named, [(x, y) for x, y, _ in places]))


def _labels(places: list[tuple[float, float, str]], points: list[tuple[float, float]]) -> list[str]:
    """Names beside the points, those left out that would lie over another or a point; the table has them all."""
    taken: list[tuple[float, float, float]] = [(x - 5, x + 5, y) for x, y in points]
    drawn = []
    for x, y, label in reversed(places):  # the last ones matter most
        width = CHARACTER * len(_fitting(label, 20))
        begin = x - width - 10
        if begin < LEFT or any(
            abs(y - other) < NEAR and begin < right and left < x - 9 for left, right, other in taken
        ):
            continue
        taken.append((begin, x, y))
        drawn.append(_text(x - 9, y + 4, _fitting(label, 20), "end"))
    return drawn


def _steps(points: list[tuple[float, float]], end: float) -> str:
    parts = [f"M{points[0][0]:.1f},{points[0][1]:.1f}"]
    parts += [f"H{x:.1f}V{y:.1f}" for x, y in points[1:]]
    return "".join([*parts, f"H{end:.1f}"])


def _minutes(end: float) -> list[float]:
    """Round numbers along the time axis, six or so of them."""
    steps = (0.1, 0.25, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 240, 480, 1440)
    step = next((one for one in steps if end / one <= 8), end / 6)
    return [number * step for number in range(int(end / step) + 1)]


# -- what ran when -----------------------------------------------------------------------------------------------


def timeline(timeline: Timeline, id: str) -> str:
    names = _names(bar.label for bar in timeline.bars)
    line, below, end = 20, 44, max(timeline.end, 0.1)
    height = line * len(timeline.bars) + below

    def x(minutes: float) -> float:
        return names + minutes / end * (WIDTH - names - 20)

    drawn = []
    for minute in _minutes(end):
        drawn += [
            _line(x(minute), 0, x(minute), height - below, "grid"),
            _text(x(minute), height - below + 18, f"{minute:g}", "middle", "tick"),
        ]
    drawn.append(_text((names + WIDTH) / 2, height - 6, "minutes since the run began", "middle", "tick"))
    for number, bar in enumerate(timeline.bars):
        drawn += _bar(bar, names, x(bar.begin), x(bar.end), line * number, line)
    return _svg(id, timeline.title, timeline.told, height, drawn)


def _bar(bar: Bar, names: float, begin: float, end: float, y: float, line: float) -> list[str]:
    told = f"{bar.label}: minute {bar.begin:.1f} to {bar.end:.1f}"
    return [
        _text(names - 12, y + line - 5, _fitting(bar.label, (names - 12) / LARGE_CHARACTER), "end"),
        f'<g class="{bar.kind}"><title>{escape(told)}</title><rect x="{begin:.1f}" y="{y + 4:.1f}" '
        f'width="{max(2.0, end - begin):.1f}" height="{line - 8:.1f}" rx="2"/></g>',
    ]
