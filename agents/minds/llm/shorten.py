"""A request that does not fit the model's context, cut down: its beginning and its end, and every mark of a stranger's
words still around them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_MARK = re.compile(r"<untrusted\b[^<>]*>|</untrusted>")
"""As `tools.tool.untrusted` writes them: its text has none that closes, but perhaps one that opens."""
CLOSE = "</untrusted>"


def shortened(text: str, length: int) -> str:
    """About `length` characters of it: the brief stands first, the question last. Marks are never cut, and one whose
    pair was left out is closed before the gap, or opened again after it."""
    if len(text) <= length:
        return text
    half, marks = length // 2, list(_marks(text))
    begin, end = half, len(text) - half
    for mark in marks:
        begin = mark.start() if mark.start() < begin < mark.end() else begin
        end = mark.end() if mark.start() < end < mark.end() else end
    closed = f"\n{CLOSE}" if _open_at(marks, begin) else ""
    opened = f"{cut}\n" if (cut := _open_at(marks, end)) else ""
    return f"{text[:begin]}{closed}\n[… {end - begin:,} characters left out …]\n{opened}{text[end:]}"


def _marks(text: str) -> Iterator[re.Match[str]]:
    """Those that open and close in turn; one that opens within another is a stranger's."""
    is_open = False
    for mark in _MARK.finditer(text):
        if (mark[0] == CLOSE) == is_open:
            is_open = not is_open
            yield mark


def _open_at(marks: list[re.Match[str]], place: int) -> str:
    """The mark that is open there, or nothing."""
    before = [mark[0] for mark in marks if mark.end() <= place]
    return before[-1] if before and before[-1] != CLOSE else ""
