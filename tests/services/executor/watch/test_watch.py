"""The rules that stop a job early."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.executor.job.events import Metric
from services.executor.watch.rules import PATIENCE, Alarm, Watch


def alarms(losses: list[float], name: str = "loss") -> list[Alarm | None]:
    watch, raised = Watch(), []
    for step, loss in enumerate(losses, start=1):
        watch, alarm = watch.see(Metric(step=step, max_steps=100, values={name: loss}))
        raised.append(alarm)
    return raised


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_loss_that_is_no_number_raises_at_once(bad: float) -> None:
    *before, last = alarms([2.0, 1.9, bad])
    assert before == [None, None]
    assert last is not None and last.rule == "nan" and "step 3" in last.evidence


def test_five_logs_far_above_the_minimum_are_divergence() -> None:
    raised = alarms([1.0, *[6.1] * PATIENCE])
    assert raised[:-1] == [None] * PATIENCE
    assert raised[-1] is not None and raised[-1].rule == "diverged"


def test_a_spike_that_passes_raises_nothing() -> None:
    assert not any(alarms([1.0, *[50.0] * (PATIENCE - 1), 2.0, *[50.0] * (PATIENCE - 1), 1.5]))


def test_the_negative_loss_of_a_policy_is_no_divergence() -> None:
    assert not any(alarms([-0.4, 0.1, 0.3, -0.1, 0.2, 0.5, 0.4, 0.9]))


def test_other_figures_than_the_loss_raise_nothing() -> None:
    assert not any(alarms([math.nan] * 10, name="eval_accuracy"))


@given(st.lists(st.floats(min_value=0, max_value=3), min_size=1))
def test_a_loss_below_five_times_its_minimum_plus_one_never_raises(noise: list[float]) -> None:
    assert not any(alarms([1.0, *(1.0 + abs(n) for n in noise)]))
