"""A part of a text file by lines, with a note of where it stands, so that a mind can go on from there."""

from __future__ import annotations

from tools.tool import ToolFault

LINES, CHARACTERS = 250, 10_000
"""Of a file at a time."""


def by_lines(content: bytes, cut: bool, first_line: int, what: str, where: str) -> str:
    """`what` at `where` from `first_line` on. `cut`: the file goes on behind `content`. Raises `ToolFault` for what is
    no text, and for a line behind its end."""
    if b"\0" in content[:8_000]:
        raise ToolFault(f"{what} is no text ({len(content):,} bytes)")
    lines = content.decode(errors="replace").splitlines()
    if first_line > max(1, len(lines)):
        raise ToolFault(f"{what} has {len(lines)} lines")
    taken: list[str] = []
    for line in lines[first_line - 1 : first_line - 1 + LINES]:
        if sum(map(len, taken)) + len(taken) + len(line) > CHARACTERS and taken:
            break
        taken.append(line[:CHARACTERS])
    last = first_line + len(taken) - 1
    more = f"; go on with first_line={last + 1}" if last < len(lines) else ""
    total = f"more than {len(lines)}" if cut else str(len(lines))
    return "\n".join([f"{where}, lines {first_line} to {last} of {total}{more}", *taken])
