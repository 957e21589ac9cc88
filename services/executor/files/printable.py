"""What a job said, made safe to show: no control character of it reaches a terminal, a page or the journal.

Called by the events of a job (`job/events.py`), whichever backend they come from. An escape sequence in a log line
could rename the window, overwrite lines above it or, in some terminals, type commands (CVE-2003-0063 and its many
kin); a bidirectional override shows a text in another order than it has ("Trojan Source", CVE-2021-42574).
"""

from __future__ import annotations

import re
import unicodedata

_COLOUR = re.compile(r"\x1b\[[0-9;:]*m")
"""SGR, which many programs print (ECMA-48, 8.3.117); it is left out, where all others are shown as what they are."""


def printable(text: str) -> str:
    """`text` with control, format and line-breaking characters escaped as Python does it: `\\x1b`, `\\u202e`."""
    if text.isprintable():
        return text
    return "".join(char if _harmless(char) else _escaped(char) for char in _COLOUR.sub("", text))


def _harmless(char: str) -> bool:
    return char.isprintable() or char == "\t" or unicodedata.category(char) == "Zs"  # a no-break space, for instance


def _escaped(char: str) -> str:
    return char.encode("unicode_escape").decode("ascii")
