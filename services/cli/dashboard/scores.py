"""Panel: the score over time, beside floor, target and what ships."""

from __future__ import annotations

from rich.text import Text

from services.cli.dashboard.frame import Frame
from services.cli.dashboard.plot import Level, Point, over_time
from services.report.over_time import marks, ships

TITLE = "dev score over time"
SIGNS = {"base": ("◇", "white"), "tried": ("○", "cyan"), "shipped": ("●", "bold green"), "test": ("■", "magenta")}
LEGEND = (("● ", "bold green"), "shipped  ", ("○ ", "cyan"), "tried  ", ("◇ ", "white"), "base, asked in other ways")


def lines(frame: Frame, width: int, height: int) -> list[Text]:
    """A plot, and below it what its signs mean."""
    ledger, found = frame.ledger, marks(frame.ledger)
    if not found:
        return [Text("nothing is scored yet", style="dim")]
    points = [Point(60 * mark.minutes, mark.value, *SIGNS[mark.kind]) for mark in found]
    levels = [Level(ledger.floor.score.value, f"floor {ledger.floor.score.value:.3f}", "white")] if ledger.floor else []
    target = ledger.brief.task.target if ledger.brief else None
    if target is not None:
        levels.append(Level(target, f"target {target:.3f}", "yellow"))
    line = [(60 * minutes, value) for minutes, value in ships(ledger)]
    until = max([frame.spent, *(point.x for point in points)])
    return [*over_time(points, line, levels, until, width, height - 1), Text.assemble(*LEGEND, style="dim")]
