"""Which panel stands where, by the size of the terminal: everything at a glance, or one panel alone."""

from __future__ import annotations

from collections.abc import Callable

from rich.text import Text

from services.cli.dashboard import approvals, budgets, dialogue, experiments, header, jobs, plan, scores
from services.cli.dashboard.boxes import GAP, beside, fit, panel
from services.cli.dashboard.frame import Frame

Lines = Callable[[Frame, int, int], list[Text]]

PAGES = ("all", "dialogue", "experiments", "scores", "jobs", "data", "budgets")
ALONE: dict[str, tuple[str, Lines]] = {
    "dialogue": (dialogue.TITLE, dialogue.whole),
    "experiments": (experiments.TITLE, experiments.lines),
    "scores": (scores.TITLE, scores.lines),
    "jobs": (jobs.TITLE, jobs.lines),
    "data": (plan.TITLE, plan.lines),
    "budgets": (budgets.TITLE, budgets.lines),
}
WIDE, TALL = 110, 30
"""Columns and rows from which on all panels fit beside each other."""
NARROW, LOW = 60, 16
"""Below these there is room for the dialogue alone."""
DRAWN = ("scores", "jobs")
"""Pages that fill the room that they are given."""
ENDLESS = 10_000
"""Rows that a page may have, of which the screen shows a part."""


def screen(frame: Frame, width: int, height: int, page: str = "all", scroll: int = 0) -> list[Text]:
    """The whole screen: exactly `height` lines of `width` columns. `scroll`: lines up from the end of the dialogue,
    down from the top of other pages."""
    top = [fit(line, width) for line in (*header.lines(frame), *approvals.lines(frame, width, 1))]
    room = max(0, height - len(top) - 1)
    body = _all(frame, width, room) if page == "all" else _alone(frame, width, room, page, scroll)
    return [*top, *body, fit(header.footer(frame, page, PAGES, width), width)][:height]


def _panel(module: str, frame: Frame, width: int, height: int) -> list[Text]:
    title, lines = OVERVIEW[module]
    return panel(title, lines(frame, width, height - 1), width, height)


OVERVIEW = ALONE | {"dialogue": (dialogue.TITLE, dialogue.lines)}


def _all(frame: Frame, width: int, height: int) -> list[Text]:
    if width < NARROW or height < LOW:
        return _panel("dialogue", frame, width, height)
    return _wide(frame, width, height) if width >= WIDE and height >= TALL else _compact(frame, width, height)


def _compact(frame: Frame, width: int, height: int) -> list[Text]:
    """Scores and experiments beside each other, jobs below, and the dialogue."""
    waiting = min(1 + jobs.rows(frame), max(2, height // 4)) if frame.going else 0
    upper = min(14, (height - waiting) * 3 // 5)
    left = (width - GAP) // 2
    pair = beside(_panel("scores", frame, left, upper), _panel("experiments", frame, width - GAP - left, upper))
    said = _panel("dialogue", frame, width, height - upper - waiting)
    return [*pair, *_panel("jobs", frame, width, waiting), *said]


def _wide(frame: Frame, width: int, height: int) -> list[Text]:
    """Left scores, jobs and dialogue; right experiments, data and budgets."""
    left = (width - GAP) * 11 // 20
    right = width - GAP - left
    running = len(frame.ledger.with_status("running"))
    middle = min(jobs.rows(frame) + running * jobs.CURVE + 1, height // 3) if frame.going else 0
    upper = min(18, (height - middle) * 9 // 20)
    column = [
        *_panel("scores", frame, left, upper),
        *_panel("jobs", frame, left, middle),
        *_panel("dialogue", frame, left, height - upper - middle),
    ]
    below = {name: min(len(OVERVIEW[name][1](frame, right, ENDLESS)) + 1, height // 4) for name in ("data", "budgets")}
    other = [
        *_panel("experiments", frame, right, height - sum(below.values())),
        *(line for name, rows in below.items() for line in _panel(name, frame, right, rows)),
    ]
    return beside(column, other)


def _alone(frame: Frame, width: int, height: int, page: str, scroll: int) -> list[Text]:
    title, lines = ALONE[page]
    room = height - 1
    if page == "dialogue":
        return panel(title, lines(frame, width, room + scroll), width, height)
    told = lines(frame, width, room if page in DRAWN else ENDLESS)
    return panel(title, told[min(scroll, max(0, len(told) - room)) :], width, height)
