"""Whether a mind goes round in circles: the same call with the same result again, or failures alike but for names and
numbers. It is told once per episode; when it goes on, it is asked for another way; then its turn is over.

A call whose result changes, as when it polls a job that makes progress, is no repetition.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import Enum

TOLD_AT, ASKED_AT, OVER_AT = 2, 3, 6
"""Occurrences of the same thing in an episode."""
_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"|`[^`]*`")
_NUMBER = re.compile(r"\d+(\.\d+)?")
_PATH = re.compile(r"\S*/\S+")
SIGNATURE = 200


class Word(Enum):
    """What to say to the mind."""

    NOTHING = "nothing"
    TELL = "tell"
    ANOTHER_WAY = "another way"
    OVER = "over"


@dataclass
class Loops:
    """Feed it each call with its result."""

    _seen: dict[str, int] = field(default_factory=dict)
    _last: dict[str, str] = field(default_factory=dict)
    _failures: dict[str, dict[str, int]] = field(default_factory=dict)
    """Tool → kind of failure → how often since its last success."""

    def see(self, tool: str, arguments: str, result: str, failed: bool) -> Word:
        """The gravest of what the call itself and its kind of failure call for."""
        words = [self._repeated(f"{tool}({arguments})", result)]
        failures = self._failures.setdefault(tool, {})
        if failed:
            words.append(_word(failures, alike(result)))
        else:
            failures.clear()  # it knows by now how that tool is used: the episode is over
        return max(words, key=list(Word).index)

    def _repeated(self, call: str, result: str) -> Word:
        """Counts while call and result stay the same; another result begins a new episode."""
        if self._last.get(call) != result:
            self._last[call], self._seen[call] = result, 1
            return Word.NOTHING
        return _word(self._seen, call)


def _word(seen: dict[str, int], what: str) -> Word:
    """Counts it once more."""
    times = seen[what] = seen.get(what, 0) + 1
    if times >= OVER_AT:
        return Word.OVER
    if times >= ASKED_AT:
        return Word.ANOTHER_WAY
    return Word.TELL if times == TOLD_AT else Word.NOTHING


def alike(failure: str) -> str:
    """A failure without its names, paths and numbers."""
    return _NUMBER.sub("#", _PATH.sub("/", _QUOTED.sub("''", failure)))[:SIGNATURE]
