"""How large a difference a change of seed alone may make, and how a run is said to have ended."""

from __future__ import annotations

import math

import pytest

from graph.nodes.report import outcome
from graph.noise import SIGMAS, noise_between
from protocol.control import CancelRun
from protocol.ledger import Ledger
from protocol.message import Message
from tests.graph import story


def entries(*pairs: tuple[str, float], **more: object) -> list[Message]:
    messages: list[Message] = []
    for id, value in pairs:
        messages += [*story.proposed(story.experiment(id, **more)), *story.trained(id), story.scored(id, value)]
    return messages


def noise(ledger: Ledger, candidate: str, incumbent: str) -> float:
    scored = {name: ledger.scored.get(name) or story.scored(name, 0.0) for name in (candidate, incumbent)}
    return noise_between(ledger, scored[candidate], scored[incumbent])


def test_no_seed_lies_between_a_model_and_the_untouched_base() -> None:
    assert noise(story.ledger(*entries(("sft-1", 0.5))), "sft-1", "base") == 0.0


def test_no_seed_lies_between_a_model_and_what_goes_on_from_it() -> None:
    ledger = story.ledger(*entries(("sft-1", 0.5)), *entries(("sft-2", 0.6), parent="sft-1", rung=1))
    assert noise(ledger, "sft-2", "sft-1") == 0.0
    assert noise(ledger, "sft-1", "sft-2") > 0.0


def test_unmeasured_noise_is_taken_from_the_intervals() -> None:
    ledger = story.ledger(*entries(("sft-1", 0.5), ("sft-2", 0.6)))
    assert math.isclose(noise(ledger, "sft-2", "sft-1"), math.hypot(0.05, 0.05))


def test_measured_noise_is_twice_the_deviation_between_seeds() -> None:
    repeated = entries(("sft-3", 0.54), repeats="sft-1", seed=1)
    ledger = story.ledger(*entries(("sft-1", 0.5), ("sft-2", 0.6)), *repeated)
    assert math.isclose(noise(ledger, "sft-2", "sft-1"), SIGMAS * 0.04 / math.sqrt(2))


@pytest.mark.parametrize("bound", [0.0, 1.0])
def test_a_repetition_at_a_bound_of_the_score_measures_nothing(bound: float) -> None:
    repeated = entries(("sft-3", bound), repeats="sft-1", seed=1)
    ledger = story.ledger(*entries(("sft-1", bound), ("sft-2", 0.6)), *repeated)
    assert ledger.noise_floor() is None
    assert noise(ledger, "sft-2", "sft-1") > 0.0


@pytest.mark.parametrize(
    ("target", "test", "shipped", "cancelled", "said"),
    [
        (0.8, 0.8, "sft-1", False, "target_met"),
        (0.8, 0.8, "sft-1", True, "target_met"),
        (0.8, 0.7, "sft-1", False, "target_missed"),
        (0.8, 0.7, "sft-1", True, "cancelled"),
        (None, 0.7, "sft-1", False, "better_than_floor"),
        (None, 0.7, "base", False, "floor_kept"),
        (None, 0.7, "sft-1", True, "cancelled"),
    ],
)
def test_the_outcome_is_said_as_it_was(
    target: float | None, test: float, shipped: str, cancelled: bool, said: str
) -> None:
    end: list[Message] = [CancelRun()] if cancelled else []
    ledger = story.ledger(story.shipped(shipped), story.scored(shipped, test, split="test"), *end)
    assert outcome(ledger, target) == said
