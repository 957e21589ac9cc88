"""Time is planned backwards, and time in which a run was dead does not count."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from graph.clock import Clock
from protocol.control import RunStarted
from tests.graph import story


def test_sessions_before_a_crash_count_and_the_gap_does_not() -> None:
    ledger = story.ledger(story.brief())
    ledger.sessions = [(0.0, 40.0), (1000.0, 1000.0)]
    assert Clock(100.0, now=lambda: 1010.0).spent(ledger) == 50.0


def test_verify_and_report_are_reserved_from_measured_scoring() -> None:
    ledger = story.ledger(story.brief(), story.eval_ready(dev=100, test=400), story.scored("base", 0.1))
    reserve = Clock(100.0).reserve(ledger)
    assert 1.0 * 4 < reserve < 1.0 * 4 * 1.5 + 5


def test_what_runs_and_waits_is_committed() -> None:
    messages = [*story.proposed(story.experiment("sft-1"), story.experiment("sft-2")), *story.running("sft-1", at=5.0)]
    ledger = story.ledger(story.brief(), *messages)
    assert Clock(100.0, now=lambda: 8.0).committed(ledger) == 10.0 + 7.0


@given(budget=st.floats(1, 1e5), spent=st.floats(0, 1e5), dev=st.integers(1, 5000), test=st.integers(0, 5000))
def test_no_plan_ever_goes_beyond_the_budget(budget: float, spent: float, dev: int, test: int) -> None:
    begun = RunStarted(session=0, at=0.0, pid=1, host="h")
    ledger = story.ledger(story.brief(), begun, story.eval_ready(dev, test), story.scored("base", 0.1))
    ledger.sessions = [(0.0, 0.0)]
    clock = Clock(budget, now=lambda: spent)
    assert clock.left_for_training(ledger) <= clock.left(ledger) <= budget - spent


def test_a_jobs_deadline_is_when_verify_begins() -> None:
    begun = RunStarted(session=0, at=0.0, pid=1, host="h")
    ledger = story.ledger(story.brief(), begun, story.eval_ready(100, 400), story.scored("base", 0.1))
    ledger.sessions = [(0.0, 0.0)]
    clock = Clock(100.0, now=lambda: 30.0)
    assert clock.verify_at(ledger) == 30.0 + clock.left(ledger) < 100.0
