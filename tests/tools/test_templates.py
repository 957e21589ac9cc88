"""Templates render named columns and nothing else."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.errors import BadInput
from tools.templates import ColumnMissing, TemplateError, columns, render

NAMES = st.text(string.ascii_letters + "_ ", min_size=1, max_size=8).map(str.strip).filter(bool)


def test_named_columns_are_rendered_with_their_formats() -> None:
    assert render("{text} in {year:04d} {{!}}", {"text": "May", "year": 33}) == "May in 0033 {!}"


def test_a_missing_value_renders_as_nothing_whatever_its_format() -> None:
    assert render("[{year:04d}]", {"year": None}) == "[]"


def test_a_missing_column_is_named_with_those_there_are() -> None:
    with pytest.raises(ColumnMissing, match=r"no column 'txt' \(there are: text, label\)"):
        render("{txt} ->", {"text": "a", "label": "b"})


@pytest.mark.parametrize("template", ["{row.__class__}", "{row[0]}", "{}", "{0}", "{row", "row}", "{row:{width}}"])
def test_anything_but_a_plain_column_is_refused(template: str) -> None:
    with pytest.raises(BadInput):
        render(template, {"row": "x", "width": 3})


def test_a_format_that_does_not_fit_says_which_value() -> None:
    with pytest.raises(TemplateError, match="'May'"):
        render("{month:d}", {"month": "May"})


def test_columns_come_once_and_in_order() -> None:
    assert columns("{b} and {a} and {b!r}") == ("b", "a")


@given(st.dictionaries(NAMES, st.text(), min_size=1), st.text())
def test_text_and_values_come_through_unchanged(row: dict[str, str], literal: str) -> None:
    escaped = literal.replace("{", "{{").replace("}", "}}")
    template = escaped + "".join(f"{{{name}}}" for name in row)
    assert render(template, row) == literal + "".join(row.values())
    assert columns(template) == tuple(row)
