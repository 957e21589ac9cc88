"""Filters over the rows of a source: typed, so that what a mind wants can be counted before, and is applied by code.
None of them looks at a language. Called by the curator; patterns are matched in a process of their own (`apart`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from protocol.errors import BadInput
from protocol.message import Part

RENDERED = ("prompt", "completion")
"""Names that stand for a row as the task's templates render it, whatever its columns are."""


class Filter(Part):
    """Which rows stay. Length: of the text, in characters. Regex: the pattern is found in it. Equals: it is one of the
    values. Duplicates: no earlier row has the same text."""

    kind: Literal["length", "regex", "equals", "duplicates"]
    column: str = "prompt"
    """A column of the source, or `prompt` or `completion`: the row as it would be trained on."""
    at_least: Annotated[int, Field(ge=0)] | None = None
    """Length only."""
    at_most: Annotated[int, Field(ge=0)] | None = None
    """Length only."""
    pattern: Annotated[str, Field(min_length=1, max_length=500)] | None = None
    """Regex only: of Python's `re`, searched for anywhere."""
    values: Annotated[tuple[str, ...], Field(max_length=200)] = ()
    """Equals only."""
    drop: bool = False
    """True: the rows that match go, and the others stay."""

    @model_validator(mode="after")
    def _has_what_its_kind_needs(self) -> Self:
        if self.kind == "length" and self.at_least is None and self.at_most is None:
            raise ValueError("a length filter needs `at_least` or `at_most`")
        if self.kind == "regex":
            if self.pattern is None:
                raise ValueError("a regex filter needs a `pattern`")
            try:
                re.compile(self.pattern)
            except (re.error, RecursionError, OverflowError) as error:
                raise ValueError(f"the pattern {self.pattern!r} cannot be read: {error}") from None
        if self.kind == "equals" and not self.values:
            raise ValueError("an equals filter needs `values`")
        return self

    def told(self) -> str:
        """In words: what stays."""
        no = "not " if self.drop else ""
        if self.kind == "regex":
            return f"{self.column} {'does not match' if self.drop else 'matches'} {self.pattern!r}"
        if self.kind == "equals":
            some = ", ".join(map(repr, self.values[:5])) + ", …" * (len(self.values) > 5)
            return f"{self.column} is {no}one of {some}"
        if self.kind == "duplicates":
            return f"{self.column} stands {'in an' if self.drop else 'in no'} earlier row"
        most = "any number of" if self.at_most is None else str(self.at_most)
        return f"{self.column} has {no}{self.at_least or 0} to {most} characters"


class NoSuchColumn(BadInput):
    """A filter names a column that no row has."""

    def __init__(self, column: str, there_are: Sequence[str]) -> None:
        self.column, self.there_are = column, tuple(there_are)
        super().__init__(f"no row has a column {column!r}: take prompt, completion or {', '.join(there_are[:30])}")


def apply(rows: Sequence[Mapping[str, object]], filters: Sequence[Filter]) -> list[list[int]]:
    """Positions of the rows that each filter takes out, of those that the filters before it have left.

    A row's `prompt` and `completion` are the rendered ones. A column that a row lacks is an empty text. Raises
    `NoSuchColumn`.
    """
    left = list(range(len(rows)))
    gone: list[list[int]] = []
    for one in filters:
        texts = _texts(rows, one.column)
        kept = _kept(one, texts, left)
        gone.append([position for position in left if position not in kept])
        left = [position for position in left if position in kept]
    return gone


def _texts(rows: Sequence[Mapping[str, object]], column: str) -> list[str]:
    if rows and column not in RENDERED and not any(column in row for row in rows):
        raise NoSuchColumn(column, [name for name in rows[0] if name not in RENDERED])
    found = (row.get(column) for row in rows)
    return ["" if value is None else str(value) for value in found]


def _kept(one: Filter, texts: Sequence[str], positions: Sequence[int]) -> set[int]:
    if one.kind == "duplicates":
        first: dict[str, int] = {}
        matching = {position for position in positions if first.setdefault(texts[position], position) == position}
    elif one.kind == "length":
        most = one.at_most if one.at_most is not None else float("inf")
        matching = {position for position in positions if (one.at_least or 0) <= len(texts[position]) <= most}
    elif one.kind == "equals":
        values = set(one.values)
        matching = {position for position in positions if texts[position] in values}
    else:
        pattern = re.compile(one.pattern or "")
        matching = {position for position in positions if pattern.search(texts[position])}
    return set(positions) - matching if one.drop else matching
