"""Where the commands write: one console for people, one way to print JSON."""

from __future__ import annotations

import json
import sys
from typing import Any

from rich.console import Console

PIPE_WIDTH = 160
"""Columns of a table that goes into a pipe or a file, where no terminal says how wide it is."""


def console(stderr: bool = False) -> Console:
    """A console that never reads `[0.85, 0.91]` as markup and never cuts a table that goes into a pipe."""
    made = Console(stderr=stderr, markup=False, highlight=False, emoji=False)
    if not made.is_terminal:
        made = Console(stderr=stderr, markup=False, highlight=False, emoji=False, width=PIPE_WIDTH, soft_wrap=True)
    return made


def print_json(value: Any, indent: int | None = 2) -> None:
    """One JSON document on standard output."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=indent) + "\n")
    sys.stdout.flush()


def printable(text: str) -> str:
    """One line without control characters: what a job or a model printed must not steer the terminal."""
    return "".join(char if char.isprintable() else " " for char in text)
