"""Panel: the jobs that run, each with how far it is and its loss as a curve; and what waits."""

from __future__ import annotations

from rich.text import Text

from protocol.experiment import Entry
from services.cli.dashboard.boxes import bar, fit
from services.cli.dashboard.frame import Frame
from services.cli.dashboard.plot import curve, sparkline
from services.cli.dialogue import clock
from services.cli.screen import printable

TITLE = "jobs"
NAME, BAR, CURVE = 14, 12, 4
"""Columns of a name and of a bar; rows below which a curve shows nothing."""
OPEN_END = 1_000_000
"""Steps that a training by the clock gives out as its number."""


def lines(frame: Frame, width: int, height: int) -> list[Text]:
    """A line a job; where there is room, its curve below."""
    running = frame.ledger.with_status("running")
    waiting = frame.ledger.with_status("queued", "proposed")
    told = [Text("none runs" if frame.going else "none", style="dim")] if not running else []
    room = (height - len(running) - bool(waiting)) // max(1, len(running))
    for entry in running:
        told.append(_job(entry, frame, width, with_curve=room < CURVE))
        if room >= CURVE:
            told += _curve(entry, frame, width, room)
    if waiting:
        names = ", ".join(entry.experiment.id for entry in waiting)
        told.append(Text(printable(f"waiting: {names}"), style="dim"))
    return told


def rows(frame: Frame) -> int:
    """Lines that the panel needs, curves left out."""
    running, waiting = frame.ledger.with_status("running"), frame.ledger.with_status("queued", "proposed")
    return max(1, len(running)) + bool(waiting)


def _job(entry: Entry, frame: Frame, width: int, with_curve: bool) -> Text:
    ran, most = _seconds(entry, frame), entry.experiment.seconds
    line = fit(Text(printable(entry.experiment.id), style="bold"), min(NAME, width // 4))
    line = Text.assemble(line, " ", bar(ran / most if most else 0.0, BAR, "blue"), f" {clock(ran)}/{clock(most)}")
    found = frame.ledger.curves.get(entry.experiment.id)
    if found is None:
        return line.append("  loading", style="dim")
    steps = f"{found.steps[-1]}/{found.max_steps}" if found.max_steps < OPEN_END else f"{found.steps[-1]}"
    line.append(f"  step {steps}  loss {found.losses[-1]:.3f}")
    if with_curve:
        line.append("  " + sparkline(found.losses, min(len(found.losses), width - line.cell_len - 2)), style="cyan")
    return line


def _curve(entry: Entry, frame: Frame, width: int, height: int) -> list[Text]:
    found = frame.ledger.curves.get(entry.experiment.id)
    share = _seconds(entry, frame) / entry.experiment.seconds if entry.experiment.seconds else 1.0
    return curve(found.losses, width, min(height, 3 * CURVE), max(0.1, min(1.0, share))) if found else []


def _seconds(entry: Entry, frame: Frame) -> float:
    since = frame.ledger.running_since(entry.job or "")
    return max(0.0, frame.now - since) if since is not None else 0.0
