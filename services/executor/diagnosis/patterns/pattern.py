"""What a failure's own words name: one line of the tables beside this file."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from protocol.job import Category


@dataclass(frozen=True)
class Pattern:
    """A category, the words that name it, and where need be the stack in which they must have been raised."""

    category: Category
    words: re.Pattern[str]
    stack: re.Pattern[str] | None = None

    def line_of(self, lines: Sequence[str], stack: Sequence[str] = ()) -> str | None:
        """The first line that names the category, or None."""
        if self.stack is not None and not any(self.stack.search(line) for line in stack):
            return None
        return next((line for line in lines if self.words.search(line)), None)


def words(category: Category, *alternatives: str, stack: str | None = None) -> Pattern:
    """A pattern of any of these regular expressions."""
    return Pattern(category, re.compile("|".join(alternatives)), re.compile(stack) if stack else None)
