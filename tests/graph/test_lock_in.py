"""A strategy that stops gaining is closed, and the graph refuses more of the same."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from graph.lock_in import fired, refusal
from protocol.control import StrategyClosed
from protocol.experiment import Proposal
from protocol.message import Message
from tests.graph import story


def scores(*values: float, strategy: str = "sft") -> list[Message]:
    messages: list[Message] = []
    for number, value in enumerate(values, 1):
        id = f"{strategy}-{number}"
        messages += [*story.proposed(story.experiment(id, strategy)), *story.trained(id), story.scored(id, value)]
    return messages


def test_patience_without_gain_closes_a_strategy() -> None:
    assert fired(story.ledger(*scores(0.5, 0.6, 0.605)), "sft") is None
    why = fired(story.ledger(*scores(0.5, 0.6, 0.605, 0.6)), "sft")
    assert why == "2 experiments in a row without a gain of 0.010 over 0.605"


def test_failures_in_a_row_close_a_strategy() -> None:
    messages: list[Message] = []
    for id in ("sft-1", "sft-2"):
        messages += [*story.proposed(story.experiment(id)), *story.failed(id)]
    assert fired(story.ledger(*messages), "sft") == "2 failures in a row"


def test_another_strategy_is_not_touched() -> None:
    assert fired(story.ledger(*scores(0.5, 0.5, 0.5)), "grpo") is None


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_a_strategy_that_keeps_gaining_is_never_closed(steps: list[float]) -> None:
    rising = [min(1.0, number * 0.02) for number, _ in enumerate(steps)]
    assert fired(story.ledger(*scores(*rising)), "sft") is None


def test_what_is_closed_repeated_orphaned_or_too_long_is_refused() -> None:
    ledger = story.ledger(*scores(0.5), StrategyClosed(strategy="grpo", reason="spent"))
    cases = {
        "grpo is closed: spent": story.experiment("grpo-1", "grpo"),
        "it repeats sft-1 to the number": story.experiment("sft-2", recipe={"learning_rate": 1e-3, "id": "sft-1"}),
        "it goes on from nobody, which does not exist": story.experiment("sft-2", parent="nobody"),
        "it needs 99 s and 50 s are left": story.experiment("sft-2", seconds=99),
    }
    for reason, experiment in cases.items():
        assert refusal(ledger, Proposal(experiment=experiment, job=story.JOB), 50.0) == reason


def test_something_new_in_an_open_strategy_is_accepted() -> None:
    proposal = Proposal(experiment=story.experiment("sft-2"), job=story.JOB)
    assert refusal(story.ledger(*scores(0.5)), proposal, 50.0) is None
