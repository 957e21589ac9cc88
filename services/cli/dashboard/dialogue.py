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
    """The last so many rows of all that was said, folded where it is longer than the screen is wide."""
    console = Console(width=width)
    told: list[Text] = []
    for line in reversed(frame.said):
        if len(told) >= height:
            break
        first, *rest = line.wrap(console, max(1, width - INDENT))
        told[:0] = [first, *(Text(" " * INDENT).append_text(part) for part in rest)]
    return told[-height:] if height > 0 else []
