"""What is done next follows from the ledger and the clock alone."""

from __future__ import annotations

import pytest

from graph.clock import Clock
from graph.lookahead import AHEAD, next_step
from protocol.control import CancelRun, RunStarted
from protocol.ledger import Ledger
from protocol.message import Message
from protocol.schedule import Diagnosis, RungVerdict
from tests.graph import story

BEGIN: list[Message] = [story.brief(), RunStarted(session=0, at=0.0, pid=1, host="h"), story.eval_ready(), story.plan()]


def step(*messages: Message, now: float = 10.0, exhausted: bool = False) -> str:
    return next_step(ledger_of(*messages), Clock(100.0, now=lambda: now), exhausted)


def ledger_of(*messages: Message) -> Ledger:
    ledger = story.ledger(*BEGIN, *messages)
    ledger.sessions = [(0.0, 0.0)]  # the clock of these tests begins at 0
    return ledger


def test_an_empty_queue_asks_the_engineer() -> None:
    assert step() == "engineer"


def test_a_proposal_is_submitted_before_more_are_asked_for() -> None:
    assert step(*story.proposed(story.experiment("sft-1"))) == "submit"


def test_while_one_job_runs_the_next_is_prepared() -> None:
    assert AHEAD == 2
    one = story.proposed(story.experiment("sft-1"), story.experiment("sft-2"))
    assert step(*one[:1], *one[1:], *story.running("sft-1"), *story.queued("sft-2")) == "wait"
    assert step(*story.proposed(story.experiment("sft-1")), *story.running("sft-1")) == "engineer"


def test_a_child_waits_for_its_parents_weights() -> None:
    family = story.proposed(story.experiment("sft-1"), story.experiment("sft-2", parent="sft-1", rung=1))
    assert step(*family, *story.running("sft-1")) == "wait"
    assert step(*family, *story.trained("sft-1")) == "submit"


def test_a_child_of_a_dead_parent_is_dropped() -> None:
    family = story.proposed(story.experiment("sft-1"), story.experiment("sft-2", parent="sft-1", rung=1))
    diagnosis = Diagnosis(experiment="sft-1", job="r-sft-1-0", category="unknown", evidence=(), remedy="none")
    assert step(*family, *story.failed("sft-1"), diagnosis) == "drop"


def test_what_is_trained_goes_to_the_critic_until_it_is_judged() -> None:
    base = [*story.proposed(story.experiment("sft-1")), *story.trained("sft-1"), story.scored("sft-1", 0.5)]
    assert step(*base) == "critic"
    assert step(*base, story.critique("sft-1", "promote")) == "critic"  # the gate has not spoken
    assert step(*base, story.critique("sft-1", "promote"), story.verdict("sft-1", True)) == "critic"  # not shipped
    done = [*base, story.critique("sft-1", "promote"), story.verdict("sft-1", True), story.shipped("sft-1")]
    assert step(*done) == "engineer"
    assert step(*base, story.critique("sft-1", "hold")) == "engineer"


def test_a_failure_is_diagnosed_once_and_a_mended_job_submitted_again() -> None:
    base = [*story.proposed(story.experiment("sft-1")), *story.failed("sft-1")]
    assert step(*base) == "diagnose"
    fields = {"experiment": "sft-1", "job": "r-sft-1-0", "category": "nan", "evidence": (), "remedy": "half the rate"}
    assert step(*base, Diagnosis.model_validate(fields)) == "engineer"
    ledger = ledger_of(*base)
    retry = ledger.proposals["sft-1"]
    assert step(*base, Diagnosis.model_validate(fields | {"retry": retry})) == "submit"


def test_a_running_job_is_looked_at_once_a_check_point() -> None:
    base = [*story.proposed(story.experiment("sft-1"), story.experiment("sft-2")), *story.running("sft-1")]
    base += story.queued("sft-2")
    assert step(*base, story.metric("sft-1", 10, 1.0)) == "wait"
    reached = [*base, story.metric("sft-1", 10, 1.0), story.metric("sft-1", 40, 0.8)]
    assert step(*reached) == "check"
    assert step(*reached, RungVerdict(experiment="sft-1", check_point=0.34, keep=True, reason="leads")) == "wait"


@pytest.mark.parametrize("now", [99.0, 150.0])
def test_when_time_is_over_everything_else_waits(now: float) -> None:
    assert step(*story.proposed(story.experiment("sft-1")), *story.trained("sft-1"), now=now) == "verify"


def test_a_cancelled_run_verifies_at_once() -> None:
    assert step(*story.proposed(story.experiment("sft-1")), CancelRun()) == "verify"


def test_nothing_left_to_try_ends_the_run_after_the_last_job() -> None:
    assert step(exhausted=True) == "verify"
    assert step(*story.proposed(story.experiment("sft-1")), *story.running("sft-1"), exhausted=True) == "wait"


def test_too_little_time_for_a_job_ends_the_run() -> None:
    assert step(now=92.0) == "verify"


def test_a_met_target_ends_the_run_though_jobs_still_run() -> None:
    base = [
        *story.proposed(story.experiment("sft-1"), story.experiment("sft-2")),
        *story.trained("sft-1"),
        story.scored("sft-1", 0.95),
        story.verdict("sft-1", True),
        story.shipped("sft-1"),
        story.critique("sft-1", "promote", "stop"),
    ]
    assert step(*base, *story.running("sft-2")) == "verify"
