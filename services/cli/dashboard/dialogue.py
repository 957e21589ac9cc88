"""Panel: the dialogue as it grows."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from services.cli.dashboard.frame import Frame

TITLE = "dialogue"
INDENT = 9
"""Columns of the clock, under which what is folded goes on."""


def lines(frame: Frame, width: int, height: int) -> list[Text]:
    """The latest, one line each."""
    return list(frame.said[-height:]) if height > 0 else []


def whole(frame: Frame, width: int, height: int) -> list[Text]:
    """All that was said, folded where it is longer than the screen is wide."""
    console = Console(width=width)
    told: list[Text] = []
    for line in frame.said:
        first, *rest = line.wrap(console, max(1, width - INDENT))
        told += [first, *(Text(" " * INDENT).append_text(part) for part in rest)]
    return told
