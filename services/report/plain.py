"""The charts of a report in plain characters, for Markdown."""

from __future__ import annotations

from services.report.page import Chart, Timeline

BARS = "▁▂▃▄▅▆▇█"
WIDTH = 40
"""Characters across a scale."""


def chart_lines(chart: Chart) -> list[str]:
    """Over time: one bar a score and what ships beside; else a line a mark, with its interval from 0 to 1."""
    levels = [f"{name}: {value:.3f}" for name, value in chart.lines]
    if chart.over_time:
        scores = sparkline([mark.value for mark in chart.marks])
        return [f"each candidate  {scores}", f"what ships      {sparkline(shipping(chart))}", *levels]
    wide = max((len(mark.label) for mark in chart.marks), default=0)
    return [
        f"{mark.label:<{wide}} {_interval(mark.low, mark.value, mark.high)} {mark.value:.3f}" for mark in chart.marks
    ] + levels


def shipping(chart: Chart) -> list[float]:
    """The score of what ships as each mark comes in."""
    best = []
    for mark in chart.marks:
        before = [value for minutes, value in chart.ships if minutes <= mark.minutes]
        best.append(before[-1] if before else 0.0)
    return best


def _interval(low: float, value: float, high: float) -> str:
    """`        ├──●──┤                `"""
    line = ["·"] * (WIDTH + 1)
    begin, at, end = (round(min(1.0, max(0.0, x)) * WIDTH) for x in (low, value, high))
    line[begin : end + 1] = ["─"] * (end + 1 - begin)
    line[begin], line[end] = "├", "┤"
    line[at] = "●"
    return "".join(line)


def timeline_lines(timeline: Timeline) -> list[str]:
    wide = max((len(bar.label) for bar in timeline.bars), default=0)
    scale = WIDTH / timeline.end if timeline.end else 0.0
    return [
        f"{bar.label:<{wide}} " + " " * int(bar.begin * scale) + "█" * max(1, round((bar.end - bar.begin) * scale))
        for bar in timeline.bars
    ]


def sparkline(values: list[float]) -> str:
    """One bar a value, from 0 to 1."""
    return "".join(BARS[min(len(BARS) - 1, max(0, int(value * len(BARS))))] for value in values)
