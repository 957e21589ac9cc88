"""Turns a row into a prompt or an answer, as the task's templates say. Called by the curator, the scorer and job
folders that need a prompt.

Templates are `str.format` templates with named fields only: `{text}`, `{text!r}`, `{year:04d}`. A field that
reaches into a value (`{row.x}`, `{row[0]}`) is refused, because a task file is data and must not run code.
"""

from __future__ import annotations

import functools
import string
from collections.abc import Mapping

from protocol.errors import BadInput

_Piece = tuple[str, str | None, str, str | None]
_FORMATTER = string.Formatter()


class TemplateError(BadInput):
    """A template that cannot be read, or that does not fit the row."""

    def __init__(self, template: str, what: str) -> None:
        self.template, self.what = template, what
        super().__init__(f"template {template!r}: {what}")


class ColumnMissing(TemplateError):
    """The template names a column that the row has not."""

    def __init__(self, template: str, column: str, there_are: tuple[str, ...]) -> None:
        self.column, self.there_are = column, there_are
        told = ", ".join(there_are) or "none"
        super().__init__(template, f"no column {column!r} (there are: {told}); correct the template or the data")


def render(template: str, row: Mapping[str, object]) -> str:
    """`template` with the row's values. A value of None renders as nothing.

    Raises ColumnMissing (a BadInput) for a column that is not there, TemplateError for anything else.
    """
    out: list[str] = []
    for literal, column, spec, conversion in _pieces(template):
        out.append(literal)
        if column is not None:
            out.append(_value(template, row, column, spec, conversion))
    return "".join(out)


def columns(template: str) -> tuple[str, ...]:
    """The columns that a template names, each once, in order. Raises TemplateError for one that cannot be read."""
    return tuple(dict.fromkeys(column for _, column, _, _ in _pieces(template) if column is not None))


def _value(template: str, row: Mapping[str, object], column: str, spec: str, conversion: str | None) -> str:
    if column not in row:
        raise ColumnMissing(template, column, tuple(str(name) for name in row))
    value = row[column]
    if value is None:
        return ""
    try:
        return format(_FORMATTER.convert_field(value, conversion), spec)
    except (ValueError, TypeError) as error:
        what = f"column {column!r} holds {value!r}, which {spec!r} does not fit: {error}"
        raise TemplateError(template, what) from error


@functools.lru_cache(maxsize=64)
def _pieces(template: str) -> tuple[_Piece, ...]:
    """The template in pieces of literal text and field, checked once for all rows."""
    try:
        pieces = tuple((a, b, c or "", d) for a, b, c, d in _FORMATTER.parse(template))
    except ValueError as error:
        raise TemplateError(template, f"{error}; write {{{{ and }}}} for braces that are meant") from error
    for _, column, spec, _ in pieces:
        if column is None:
            continue
        if not column or column.isdigit():
            raise TemplateError(template, "a field needs the name of a column: write {text}, not {} or {0}")
        if "." in column or "[" in column:
            raise TemplateError(template, f"{{{column}}} reaches into a value; only plain column names are allowed")
        if "{" in spec:
            raise TemplateError(template, f"the format of {{{column}}} holds another field; write a plain one")
    return pieces
