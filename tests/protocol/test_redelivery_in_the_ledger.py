"""A job that went on with another worker: its curve has each step once, and it runs where it was taken last."""

from __future__ import annotations

from protocol.job import JobAccepted, JobFinished, JobGivenBack, JobMetric
from protocol.message import Message
from tests.graph import story

ABOUT = {"job": "r-sft-1", "experiment": "sft-1"}


def begun() -> list[Message]:
    return [*story.proposed(story.experiment("sft-1")), *story.queued("sft-1")]


def log(step: int, loss: float) -> JobMetric:
    return JobMetric(**ABOUT, at=float(step), step=step, max_steps=50, values={"loss": loss})


def test_steps_that_are_made_again_replace_those_before() -> None:
    told = [log(10, 1.0), log(20, 0.9), log(30, 0.8), log(15, 0.95), log(20, 0.91)]
    curve = story.ledger(*begun(), *told).curves["sft-1"]
    assert curve.steps == (10, 15, 20) and curve.losses == (1.0, 0.95, 0.91)


def test_the_late_word_of_a_worker_that_was_not_heard_changes_nothing() -> None:
    first = JobAccepted(**ABOUT, at=10.0, worker="ada", device="cpu")
    second = JobAccepted(**ABOUT, at=30.0, worker="bob", device="cpu", delivery=2)
    late = JobGivenBack(**ABOUT, at=20.0, worker="ada", delivery=1, heard=False)
    ledger = story.ledger(*begun(), first, second, late)
    assert ledger.entries["sft-1"].status == "running" and ledger.running_since("r-sft-1") == 30.0
    assert story.ledger(*begun(), first, late).entries["sft-1"].status == "queued"


def test_a_job_that_has_ended_does_not_wait_again_because_a_worker_says_late_that_it_stopped() -> None:
    accepted = JobAccepted(**ABOUT, at=10.0, worker="ada", device="cpu")
    ended = JobFinished(**ABOUT, at=20.0, model="/m", steps=1, seconds=1.0, train_seconds=1.0)
    for at in (15.0, 25.0):  # it lost its lease before, or was stopped while it took the job off the queue
        late = JobGivenBack(**ABOUT, at=at, worker="ada", delivery=1)
        assert story.ledger(*begun(), accepted, ended, late).entries["sft-1"].status == "trained"


def test_word_of_a_job_that_was_replaced_by_a_mended_one_changes_nothing() -> None:
    accepted = JobAccepted(**ABOUT, at=10.0, worker="ada", device="cpu")
    other = JobGivenBack(job="r-sft-1-before", experiment="sft-1", at=11.0, worker="bob", delivery=1)
    assert story.ledger(*begun(), accepted, other).entries["sft-1"].status == "running"
