"""Filters take out what they say, one after the other; a pattern is matched in a process that can be killed."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.errors import BadInput
from tools import apart
from tools.filters import Filter, apply

TEXTS = st.text(alphabet="ab \ud800é", max_size=6)
FILTERS = st.one_of(
    st.builds(Filter, kind=st.just("length"), column=st.just("x"), at_least=st.integers(0, 6), drop=st.booleans()),
    st.builds(Filter, kind=st.just("duplicates"), column=st.just("x"), drop=st.booleans()),
    st.builds(Filter, kind=st.just("equals"), column=st.just("x"), values=st.just(("a", "")), drop=st.booleans()),
    st.builds(Filter, kind=st.just("regex"), column=st.just("x"), pattern=st.just("a+b"), drop=st.booleans()),
)


@given(st.lists(TEXTS), st.lists(FILTERS, max_size=4))
def test_every_row_goes_once_or_stays(texts: list[str], filters: list[Filter]) -> None:
    rows = [{"x": text} for text in texts]
    gone = apply(rows, filters)
    flat = [position for positions in gone for position in positions]
    assert len(gone) == len(filters) and len(set(flat)) == len(flat) and all(0 <= one < len(rows) for one in flat)
    left = [rows[position] for position in range(len(rows)) if position not in set(flat)]
    assert not any(one.drop for one in filters) or len(left) <= len(rows)
    if filters and not filters[-1].drop:
        assert apply(left, filters[-1:]) == [[]], "what stays passes the last filter again"


def test_a_filter_and_its_opposite_part_the_rows() -> None:
    rows = [{"x": text} for text in ("a", "b", "a", "ab")]
    for kind in ({"kind": "duplicates"}, {"kind": "equals", "values": ("a",)}, {"kind": "regex", "pattern": "b"}):
        kept, dropped = (
            apply(rows, [Filter.model_validate(kind | {"column": "x", "drop": drop})])[0] for drop in (0, 1)
        )
        assert sorted(kept + dropped) == [0, 1, 2, 3], kind


def test_the_process_apart_says_the_same_of_odd_rows() -> None:
    rows: list[dict[str, Any]] = [{"x": "aab\ud800", "y": {"z": [1, None]}}, {"x": None}, {"x": 3.5}]
    pattern = Filter(kind="regex", column="x", pattern="b")
    assert apart.filtered(rows, [pattern]) == apply(rows, [pattern]) == [[1, 2]]
    with pytest.raises(BadInput, match="no row has a column 'w'"):
        apart.filtered(rows, [pattern.model_copy(update={"column": "w"})])
