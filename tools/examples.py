"""A row as it is trained on: prompt, completion and the key by which answers are compared. Made by the curator from
the rows of a source, and read by the profile, the duplicates, the label noise and the mixture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from protocol.errors import BadInput
from tools.contamination import normalise
from tools.metrics import last_number
from tools.templates import columns, render

Row = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Example:
    """One row, rendered."""

    prompt: str
    completion: str
    key: str
    """The prompt, normalised: two examples with the same key ask the same."""
    answer_key: str
    """What the metric looks at: two examples with the same answer key answer the same."""
    row: Row

    @property
    def answer(self) -> str:
        return self.completion.strip()


def make(row: Row, prompt: str, answer: str, metric: str) -> Example | None:
    """The row rendered by both templates, or None where the prompt's columns or the answer's are missing or blank."""
    if _blank(row, prompt) or _blank(row, answer):
        return None
    asked, told = render(prompt, row), render(answer, row)
    if not asked.strip() or not told.strip():
        return None
    return Example(asked, told, normalise(asked), answer_key(told, metric), row)


def make_all(rows: Sequence[Row], prompt: str, answer: str, metric: str) -> list[Example | None]:
    """`make` for every row, in order. Raises ColumnMissing (a BadInput) where no row has a template's columns."""
    made = [make(row, prompt, answer, metric) for row in rows]
    if rows and not any(made):
        _explain(rows[0], prompt, answer)
    return made


def answer_key(answer: str, metric: str) -> str:
    """The part of an answer that the metric compares: for `numeric` its last number, else the text without spare space.

    Worked solutions that end in the same number are then the same answer, not a conflict.
    """
    if metric == "numeric":
        number = last_number(answer)
        if number is not None:
            text = format(number, "f")
            return text.rstrip("0").rstrip(".") if "." in text else text
    return " ".join(answer.split())


def _blank(row: Row, template: str) -> bool:
    """True where a column is missing, or all columns of the template are blank (one alone may be optional)."""
    names = columns(template)
    if any(name not in row for name in names):
        return True
    return bool(names) and all(row[name] is None or not str(row[name]).strip() for name in names)


def _explain(row: Row, prompt: str, answer: str) -> None:
    """Raise for what all rows lack: a column, by name, else content."""
    render(prompt, row)
    render(answer, row)
    raise BadInput("every row has a blank prompt or answer: correct the templates or the data")
