"""Where the figures of a job stand: a second training behind the first, what is done again where it was."""

from __future__ import annotations

from protocol.envelope import wrap
from protocol.job import JobMetric
from services.tracking.projection import Projection
from services.tracking.record import Point
from services.tracking.steps import Steps
from tests.graph import story

LOSS, SUM = ("loss", "lr"), ("train_loss",)


def at(steps: Steps, *said: int) -> list[int]:
    return [steps.at(step, LOSS) for step in said]


def test_one_training_stands_at_its_own_steps() -> None:
    steps = Steps()
    assert at(steps, 5, 10, 15) == [5, 10, 15]
    assert steps.at(15, SUM) == 15


def test_a_second_training_and_a_third_go_on_behind_the_first() -> None:
    steps = Steps()
    assert at(steps, 5, 10) == [5, 10]
    assert steps.at(12, SUM) == 12
    assert at(steps, 5, 10, 15) == [17, 22, 27]
    assert at(steps, 5) == [32]


def test_trainings_of_one_log_each_are_told_apart() -> None:
    steps = Steps()
    said = [(1, LOSS), (1, SUM), (1, LOSS), (1, SUM)]
    assert [steps.at(*one) for one in said] == [1, 1, 2, 2]


def test_a_job_that_is_started_again_makes_the_same_steps() -> None:
    steps = Steps()
    assert at(steps, 5, 10, 5, 10) == [5, 10, 15, 20]
    steps.started()
    assert at(steps, 5, 10, 5, 10) == [5, 10, 15, 20]
    steps.started()
    assert at(steps, 10) == [10], "from a checkpoint at 8"


def test_a_late_word_of_a_worker_that_was_given_up_begins_no_training() -> None:
    steps = Steps()
    assert at(steps, 5, 10, 15) == [5, 10, 15]
    steps.started()
    assert at(steps, 20, 15, 20, 25) == [20, 15, 20, 25]


def test_a_script_that_trains_twice_has_the_figures_of_both_tracked() -> None:
    projection = Projection({})
    about = {"job": "r-sft-1-0", "experiment": "sft-1", "at": 1.0, "max_steps": 10}
    twice = [JobMetric(**about, step=step, values={"loss": 1.0}) for step in (5, 10, 5, 10)]
    told = [story.brief(), *story.proposed(story.experiment("sft-1")), *story.running("sft-1", at=1.0), *twice]
    records = [one for message in told for one in projection.records(wrap(message, run="r", sender="test"))]
    assert [one.step for one in records if isinstance(one, Point) and "loss" in one.values] == [5, 10, 15, 20]
