"""With a benchmark as metric the roles propose nothing that it cannot serve, and judge by what it tells."""

from __future__ import annotations

import pytest

from agents.critic.judge import judge
from agents.engineer.plan import View
from agents.engineer.playbook import candidates
from agents.engineer.strategies import PLANS
from protocol.critique import CritiqueRequest
from protocol.experiment import Digest
from protocol.score import Decoding, UnpairedTest
from tests.agents import requests
from tests.graph import story


def test_neither_a_reward_nor_another_decoding_is_proposed() -> None:
    task = story.TASK.model_copy(update={"metric": "lm_eval:gsm8k", "eval": None})
    past = requests.entry("sft-1", 0.4)
    asked = requests.propose(
        past, task=task, decoding=Decoding(benchmark=task.metric, stop=()), incumbent="sft-1",
        incumbent_score=story.score(0.4),
    )  # fmt: skip
    found = {plan.name for plan in candidates(View(asked), [])}
    assert "sft" in found
    assert not found & {"grpo", "rejection_sampling", "decoding"}
    assert "benchmark" in (PLANS["grpo"].unfit(View(asked)) or "")


@pytest.mark.parametrize(
    ("difference", "p_value", "verdict"), [(0.2, 0.01, "promote"), (0.2, 0.2, "hold"), (-0.2, 0.01, "reject")]
)
def test_a_comparison_of_means_alone_is_judged_as_one(difference: float, p_value: float, verdict: str) -> None:
    test = UnpairedTest(
        candidate="sft-1", incumbent="base", n=100, difference=difference, low=-1, high=1, p_value=p_value
    )
    scored = story.scored("sft-1", 0.6).model_copy(update={"unpaired": (test,)})
    request = CritiqueRequest(
        entry=requests.entry("sft-1", 0.6), scored=scored, digest=Digest(incumbent="base"), open_strategies=()
    )
    said, why = judge(request)
    assert said == verdict
    assert "unpaired" in why
