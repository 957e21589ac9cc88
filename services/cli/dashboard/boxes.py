"""Puts lines of text into rectangles of exact size, and rectangles beside and below each other."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text

RULE = "bright_black"
GAP = 3
"""Columns between two rectangles."""


def fit(line: Text, width: int) -> Text:
    """The line, exactly so many columns wide."""
    fitted = line.copy()
    fitted.truncate(max(0, width), overflow="ellipsis", pad=True)
    return fitted


def panel(title: str, lines: Sequence[Text], width: int, height: int) -> list[Text]:
    """A rule with a title, and below it the lines; what does not fit is cut."""
    if height <= 0:
        return []
    rule = Text(f"── {title} ", style=RULE)
    rule.stylize("bold default", 3, 3 + len(title))
    rule.append("─" * max(0, width - rule.cell_len), style=RULE)
    body = [*lines[: height - 1], *[Text()] * (height - 1 - len(lines))]
    return [fit(line, width) for line in (rule, *body)]


def beside(left: Sequence[Text], right: Sequence[Text]) -> list[Text]:
    """Two rectangles of one height, with a line between them."""
    bar = Text(" │ ", style=RULE)
    return [Text.assemble(one, bar, other) for one, other in zip(left, right, strict=True)]


def bar(share: float, width: int, style: str = "green") -> Text:
    """`━━━━━╌╌╌`: how much of something is done."""
    full = round(min(1.0, max(0.0, share)) * width)
    return Text.assemble(("━" * full, style), ("╌" * (width - full), RULE))
