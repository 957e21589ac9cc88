"""Where only means and standard errors are known, the comparison says so and is wider."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.score import Decoding
from services.scorer import intervals
from services.scorer.outcomes import Outcomes


def outcomes(name: str, n: int = 100, **more: object) -> Outcomes:
    known = {"split": "dev", "split_sha256": "s", "model_sha256": name, "decoding": Decoding()}
    return Outcomes.model_validate({"candidate": name, "n": n} | known | more)


def test_it_is_the_two_sample_z_test() -> None:
    found = intervals.unpaired(outcomes("a", mean=0.6, stderr=0.03), outcomes("b", mean=0.5, stderr=0.04))
    assert found.difference == pytest.approx(0.1)
    assert (found.low, found.high) == pytest.approx((0.1 - 0.098, 0.1 + 0.098), abs=1e-4)
    assert found.p_value == pytest.approx(0.0455, abs=1e-4)  # z = 2


def test_an_error_of_zero_is_no_certainty() -> None:
    nothing, little = outcomes("b", mean=0.0, stderr=0.0, n=20), outcomes("a", mean=0.1, stderr=0.0, n=20)
    assert intervals.unpaired(little, nothing).p_value > 0.05
    assert intervals.score_of(nothing).high > 0.05


def test_items_that_are_known_of_one_alone_give_its_mean_and_error() -> None:
    known = outcomes("a", n=4, values=(1.0, 1.0, 0.0, 0.0))
    mean, error = intervals.mean_and_error(known)
    assert (mean, error) == pytest.approx((0.5, math.sqrt(1 / 3 / 4)))
    assert intervals.unpaired(known, outcomes("b", mean=0.5, stderr=0.1)).p_value == 1.0


@given(st.integers(10, 200), st.integers(0, 10_000))
def test_it_is_never_narrower_than_the_paired_one_on_independent_items(n: int, seed: int) -> None:
    import random

    chance = random.Random(seed)
    theirs = [float(chance.random() < 0.5) for _ in range(n)]
    ours = [max(value, float(chance.random() < 0.3)) for value in theirs]  # better, and right on the same items
    paired = intervals.paired("a", "b", ours, theirs)
    alone = intervals.unpaired(outcomes("a", n=n, values=tuple(ours)), outcomes("b", n=n, values=tuple(theirs)))
    assert alone.difference == pytest.approx(paired.difference)
    assert alone.high - alone.low >= paired.high - paired.low - 1e-12
