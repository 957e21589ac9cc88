"""What a process apart is asked, and answers."""

from __future__ import annotations

from typing import Any

from protocol.message import Part
from tools.filters import Filter


class Work(Part):
    """Rows to filter, or to verify."""

    rows: tuple[dict[str, Any], ...]
    filters: tuple[Filter, ...] = ()
    metric: str = ""
    """Verify: which of `answers` this metric accepts as right for itself."""
    folder: str = "."
    """What `python:…` is relative to."""
    answers: tuple[str, ...] = ()


class Done(Part):
    """What came of it."""

    gone: tuple[tuple[int, ...], ...] = ()
    """By filter: positions that it takes out."""
    scores: tuple[float, ...] = ()
    error: str = ""
    """In a sentence; empty when it went well."""
