"""The ledger is a projection: figures follow from what was said, and from nothing else."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from protocol.control import RunStarted
from protocol.ledger import DIGEST_ENTRIES, Ledger
from protocol.message import Message
from protocol.schedule import Schedule, Slot
from tests.graph import story


def scored(id: str, value: float, **more: object) -> list[Message]:
    return [
        *story.proposed(story.experiment(id, **more)),
        *story.trained(id),
        story.scored(id, value),
    ]


def test_an_experiment_goes_from_proposed_to_scored() -> None:
    messages: list[Message] = [*story.proposed(story.experiment("sft-1"))]
    assert story.ledger(*messages).entries["sft-1"].status == "proposed"
    messages += story.queued("sft-1")
    assert story.ledger(*messages).entries["sft-1"].status == "queued"
    messages += story.trained("sft-1")
    entry = story.ledger(*messages).entries["sft-1"]
    assert (entry.status, entry.model, entry.steps) == ("trained", "/m/sft-1", 50)
    assert story.ledger(*messages, story.scored("sft-1", 0.5)).entries["sft-1"].status == "scored"


def test_the_noise_floor_comes_from_repeated_seeds() -> None:
    assert story.ledger(*scored("sft-1", 0.5)).noise_floor() is None
    ledger = story.ledger(*scored("sft-1", 0.50), *scored("sft-2", 0.54, repeats="sft-1", seed=1))
    assert math.isclose(ledger.noise_floor() or 0, 0.04 / math.sqrt(2))


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=5))
def test_the_noise_floor_is_never_more_than_the_largest_difference(pairs: list[tuple[float, float]]) -> None:
    messages: list[Message] = []
    for number, (one, other) in enumerate(pairs):
        messages += scored(f"sft-{number}", one)
        messages += scored(f"sft-{number}00", other, repeats=f"sft-{number}", seed=1)
    floor = story.ledger(*messages).noise_floor()
    if all(pair in ((0.0, 0.0), (1.0, 1.0)) for pair in pairs):  # they tell nothing
        assert floor is None
        return
    assert floor is not None
    assert 0 <= floor <= max(abs(one - other) for one, other in pairs) + 1e-9


def test_the_device_is_busy_while_jobs_run_and_models_are_scored() -> None:
    ledger = story.ledger(*story.proposed(story.experiment("sft-1")), *story.trained("sft-1", at=100.0))
    ledger.sessions = [(90.0, 120.0)]
    assert math.isclose(ledger.busy_share(120.0), 10 / 20)
    assert Ledger().busy_share(100.0) == 0.0


def test_time_between_sessions_is_not_idle_time() -> None:
    ledger = story.ledger(*story.proposed(story.experiment("sft-1")), *story.trained("sft-1", at=100.0))
    ledger.sessions = [(90.0, 110.0), (500.0, 510.0)]
    assert math.isclose(ledger.busy_share(510.0), 10 / 20)


def test_the_digest_is_bounded_and_keeps_the_best() -> None:
    messages: list[Message] = []
    for number in range(DIGEST_ENTRIES * 2):
        messages += scored(f"sft-{number}", 0.9 if number == 3 else 0.1)
    digest = story.ledger(*messages).digest(10.0)
    assert len(digest.entries) == DIGEST_ENTRIES
    kept = [entry.experiment.id for entry in digest.entries]
    assert "sft-3" in kept
    assert kept[-1] == f"sft-{DIGEST_ENTRIES * 2 - 1}"


def test_what_needs_no_training_takes_its_parents_weights() -> None:
    from protocol.experiment import Proposal, Proposals

    child = story.experiment("decoding-1", "decoding", parent="sft-1")
    messages = [
        *scored("sft-1", 0.5),
        Proposals(proposals=(Proposal(experiment=child),)),
        Schedule(slots=(Slot(experiment="decoding-1", seconds=1),)),
    ]
    entry = story.ledger(*messages).entries["decoding-1"]
    assert (entry.status, entry.model) == ("trained", "/m/sft-1")


def test_replaying_twice_gives_the_same_ledger() -> None:
    begun = RunStarted(session=0, at=0.0, pid=1, host="h")
    said = [story.said(m, n) for n, m in enumerate([story.brief(), begun, *scored("sft-1", 0.5)])]
    assert Ledger(said).rows() == Ledger(said).rows()
    assert Ledger(said).rows()[0]["score"]["value"] == 0.5  # type: ignore[index]


def test_roles_are_told_the_task_with_where_the_tests_items_come_from() -> None:
    brief = story.brief()
    assert story.ledger(brief, story.eval_ready()).task == brief.task
    benchmark = brief.task.benchmark.model_copy(update={"origin": ("ada/sums",)})
    named = brief.task.model_copy(update={"metric": "lm_eval:sums", "eval": None, "benchmark": benchmark})
    ready = story.eval_ready().model_copy(update={"test_origin": ("ada/sums:test", "ada/sums")})
    told = story.ledger(brief.model_copy(update={"task": named}), ready).task
    assert told.benchmark.origin == ("ada/sums", "ada/sums:test")
    assert type(told).model_validate_json(told.model_dump_json()) == told
