"""Markdown pieces that the sections of the report are made of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def cell(value: object) -> str:
    """A value inside a table: on one line, its bars escaped."""
    text = "" if value is None else str(value)
    return " ".join(text.replace("|", "\\|").split())


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    lines += ["| " + " | ".join(cell(value) for value in row) + " |" for row in rows]
    return [*lines, ""]


def code(text: str) -> str:
    """Inline code, whatever back-quotes stand in the text (CommonMark 0.31, section 6.1)."""
    fence = "`"
    while fence in text:
        fence += "`"
    pad = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{fence}{pad}{text}{pad}{fence}"


def percent(share: float) -> str:
    return f"{100 * share:.1f} %"
