"""The Critic's playbook: what is real, and where to go next."""

from __future__ import annotations

import pytest

from agents.critic.role import critique
from protocol.critique import Critique, CritiqueRequest
from protocol.experiment import Digest, Entry
from protocol.score import PairedTest, Score
from tests.agents.requests import nobody
from tests.graph import story


async def judged(
    value: float = 0.5,
    pair: PairedTest | None = None,
    *,
    open_strategies: tuple[str, ...] = ("sft", "grpo"),
    rung: int = 0,
    failed: str | None = None,
) -> Critique:
    more = {"score": Score.failure(failed)} if failed else {}
    scored = story.scored("sft-2", value, *((pair,) if pair else ()), **more)
    request = CritiqueRequest(
        entry=Entry(experiment=story.experiment("sft-2", rung=rung), status="scored"),
        scored=scored,
        digest=Digest(incumbent="sft-1", incumbent_score=story.score(0.4)),
        open_strategies=open_strategies,
        target=0.8,
    )
    return await critique(request, nobody)


@pytest.mark.parametrize(
    ("difference", "p_value", "verdict"),
    [(0.1, 0.001, "promote"), (0.1, 0.2, "hold"), (-0.1, 0.001, "reject"), (-0.1, 0.2, "hold")],
)
async def test_the_verdict_follows_the_paired_test(difference: float, p_value: float, verdict: str) -> None:
    assert (await judged(0.5, story.paired("sft-2", "sft-1", difference, p_value))).verdict == verdict


async def test_what_cannot_be_scored_is_rejected_with_the_reason() -> None:
    answer = await judged(failed="NaN in the weights")
    assert answer.verdict == "reject"
    assert "NaN" in answer.reason


async def test_a_target_met_beyond_chance_stops_the_run() -> None:
    answer = await judged(0.9, story.paired("sft-2", "sft-1", 0.5, 1e-9))
    assert answer.directive.kind == "stop"
    near = await judged(0.82, story.paired("sft-2", "sft-1", 0.5, 1e-9))
    assert near.directive.kind == "exploit"  # the interval still reaches below the target


async def test_a_spent_strategy_must_be_changed() -> None:
    answer = await judged(0.4, story.paired("sft-2", "sft-1", 0.0, 1.0), open_strategies=("grpo", "lora"))
    assert (answer.directive.kind, answer.directive.strategy) == ("change_strategy", "grpo")


async def test_when_every_strategy_is_spent_it_says_stop() -> None:
    answer = await judged(0.4, story.paired("sft-2", "sft-1", 0.0, 1.0), open_strategies=())
    assert answer.directive.kind == "stop"
