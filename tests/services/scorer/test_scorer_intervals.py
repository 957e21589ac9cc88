"""Intervals, the sign test and the order of scores, against known values and an independent implementation."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from protocol.score import Score
from services.scorer.intervals import normal, paired, sign_test, summarise, wilson


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"), [(8, 10, 0.490, 0.943), (0, 10, 0.0, 0.278), (10, 10, 0.722, 1.0)]
)
def test_wilson_agrees_with_published_values(successes: int, n: int, low: float, high: float) -> None:
    assert wilson(successes, n) == pytest.approx((low, high), abs=5e-4)


@given(st.integers(1, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_agrees_with_scipy(pair: tuple[int, int]) -> None:
    found = binomtest(*pair).proportion_ci(0.95, method="wilson")
    assert wilson(*pair) == pytest.approx((found.low, found.high), abs=1e-9)


@given(st.integers(0, 300), st.integers(0, 300))
def test_the_sign_test_agrees_with_scipy(wins: int, losses: int) -> None:
    expected = binomtest(wins, wins + losses).pvalue if wins + losses else 1.0
    assert sign_test(wins, losses) == pytest.approx(expected, rel=1e-9)


def test_the_sign_test_stands_thousands_of_items() -> None:
    assert 0.0 < sign_test(2600, 2400) < 0.01
    assert sign_test(5000, 0) == 0.0  # 2 to the power of -4999


def test_graded_outcomes_get_a_normal_interval_inside_the_scale() -> None:
    score = summarise([0.5, 1.0, 0.75, 0.25])
    half = 1.959964 * math.sqrt(0.3125 / 3 / 4)
    assert (score.value, score.low, score.high) == pytest.approx((0.625, 0.625 - half, min(1.0, 0.625 + half)))
    assert normal([0.99, 1.0, 0.2])[1] == 1.0


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=60))
def test_a_paired_test_counts_what_differs(pairs: list[tuple[bool, bool]]) -> None:
    ours, theirs = [float(a) for a, _ in pairs], [float(b) for _, b in pairs]
    found = paired("new", "old", ours, theirs)
    assert (found.wins, found.losses) == (sum(a and not b for a, b in pairs), sum(b and not a for a, b in pairs))
    assert found.low <= found.difference <= found.high
    assert found.difference == pytest.approx((found.wins - found.losses) / len(pairs))


def test_a_paired_test_takes_the_items_that_both_answered() -> None:
    assert paired("new", "old", [1.0, 1.0, 0.0], [0.0, 1.0]).n == 2


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_a_failure_loses_to_every_score_and_greater_is_better(values: list[float]) -> None:
    scores = [Score(value=value, low=0.0, high=1.0, n=9) for value in values]
    assert min([*scores, Score.failure("NaN")]).failed
    assert max([*scores, Score.failure("NaN")]).value == max(values)
