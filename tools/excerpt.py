"""A part of a long text, with a note of where it stands in the whole, so that a mind can go on from there."""

from __future__ import annotations

from tools.tool import CHARACTERS, ToolFault

EXCERPT = CHARACTERS - 2_000
"""Characters of a part: with its heading it stays below what a tool may say at once."""


def excerpt(text: str, offset: int = 0, characters: int = EXCERPT) -> str:
    """`text` from `offset`, at most `characters` of it. Raises `ToolFault` for a place behind its end."""
    if offset and offset >= len(text):
        raise ToolFault(f"there is nothing at offset {offset:,}: it has {len(text):,} characters")
    end = min(len(text), offset + characters)
    whole = offset == 0 and end == len(text)
    note = f"[characters {offset:,} to {end:,} of {len(text):,}" + (
        f"; go on with offset={end}]" if end < len(text) else "]"
    )
    return text if whole else f"{text[offset:end]}\n{note}"


def shortened(text: str, characters: int) -> str:
    """`text` on one line, and its beginning only where it is longer."""
    line = " ".join(text.split())
    return line if len(line) <= characters else line[: characters - 1] + "…"
