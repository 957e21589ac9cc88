"""The Engineer's playbook: rungs, promotions, repeated seeds, strategies, scripts of TRL's own shape."""

from __future__ import annotations

import ast

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from agents.engineer.plan import View
from agents.engineer.playbook import candidates, propose
from agents.engineer.search import suggest
from agents.engineer.strategies import PLANS
from protocol.experiment import Entry, Experiment
from tests.agents import requests
from tests.graph import story


async def one(*entries: Entry, **more: object) -> Experiment:
    answer = await propose(requests.propose(*entries, **more), requests.nobody)  # type: ignore[arg-type]
    return answer.proposals[0].experiment


async def test_it_begins_with_the_recipe_that_is_known_to_work() -> None:
    first = await one()
    assert (first.id, first.strategy, first.rung, first.parent) == ("sft-1", "sft", 0, None)
    view = View(requests.propose())
    assert first.recipe == PLANS["sft"].first(view)


async def test_the_best_recipe_so_far_is_repeated_early_under_another_seed() -> None:
    past = [requests.entry("sft-1", 0.2), requests.entry("sft-2", 0.4)]
    third = await one(*past)
    assert third.repeats == "sft-2"
    assert third.seed == 1
    assert third.recipe == past[1].experiment.recipe
    fourth = await one(*past, requests.entry("sft-3", 0.3, repeats="sft-2", seed=1))
    assert fourth.repeats is None


async def test_then_the_best_goes_on_from_its_own_weights_for_longer() -> None:
    past = [requests.entry(f"sft-{n}", value) for n, value in enumerate((0.2, 0.4, 0.1, 0.3), 1)]
    fifth = await one(*past)
    assert (fifth.parent, fifth.rung) == ("sft-2", 1)
    assert fifth.seconds > 2 * past[0].experiment.seconds


async def test_while_a_promotion_trains_its_successor_is_prepared() -> None:
    past = [requests.entry(f"sft-{n}", value) for n, value in enumerate((0.2, 0.4, 0.1, 0.3), 1)]
    running = requests.entry("sft-5", None, "running", parent="sft-2", rung=1)
    sixth = await one(*past, running)
    assert (sixth.parent, sixth.rung) == ("sft-5", 2)


async def test_the_last_rung_takes_all_the_time_that_is_left() -> None:
    past = [requests.entry(f"sft-{n}", value) for n, value in enumerate((0.2, 0.4, 0.1, 0.3), 1)]
    assert (await one(*past, left=31.0)).seconds == 31.0


@given(left=st.floats(0, 5000), slots=st.integers(1, 3))
async def test_no_proposal_ever_asks_for_more_time_than_is_left(left: float, slots: int) -> None:
    answer = await propose(requests.propose(left=left, slots=slots), requests.nobody)
    total = sum(proposal.experiment.seconds for proposal in answer.proposals)
    assert total <= left + 0.2 * len(answer.proposals)
    assert answer.exhausted == (not answer.proposals)


async def test_the_same_request_gives_the_same_answer() -> None:
    past = [requests.entry("sft-1", 0.2), requests.entry("sft-2", 0.4)]
    assert await one(*past) == await one(*past)


def names(*entries: Entry, **more: object) -> list[str]:
    return [plan.name for plan in candidates(View(requests.propose(*entries, **more)), [])]  # type: ignore[arg-type]


def test_practice_is_not_chosen_before_the_model_is_sometimes_right() -> None:
    assert names(strategy="grpo", kind="change_strategy")[0] == "sft"
    assert names(strategy="grpo", kind="change_strategy", incumbent_score=story.score(0.4))[0] == "grpo"


def test_the_strategy_that_the_user_names_comes_first() -> None:
    assert names(tells=("try LoRA please",))[0] == "lora"
    assert names(tells=("try LoRA please", "rather rejection sampling"), incumbent_score=story.score(0.4))[0] == (
        "rejection_sampling"
    )
    assert names(tells=("be bold",))[0] == "sft"
    assert names(tells=("please do not use lora",))[0] == "sft"


def test_a_closed_strategy_is_not_chosen() -> None:
    assert names(strategies_closed={"sft": "spent"})[0] == "lora"
    assert names(strategies_closed=dict.fromkeys(PLANS, "spent")) == []


async def test_what_a_promotion_did_not_better_is_not_promoted_again() -> None:
    past = [requests.entry(f"sft-{n}", value) for n, value in enumerate((0.2, 0.4, 0.1, 0.3), 1)]
    worse = requests.entry("sft-5", 0.35, parent="sft-2", rung=1)
    assert (await one(*past, worse)).parent == "sft-5"
    dead = requests.entry("sft-5", None, "killed", parent="sft-2", rung=1)
    assert (await one(*past, dead)).parent == "sft-4"


async def test_while_nothing_is_scored_yet_it_waits() -> None:
    running = [requests.entry(f"sft-{n}", None, "running") for n in range(1, 5)]
    answer = await propose(requests.propose(*running, strategies_closed={"lora": "spent"}), requests.nobody)
    assert answer.exhausted


@pytest.mark.parametrize("name", ["sft", "lora", "grpo", "rejection_sampling"])
async def test_a_job_is_a_readable_script_with_its_config(name: str) -> None:
    past = [requests.entry("sft-1", 0.4)]
    closed = {} if name == "sft" else {"sft": "spent"}
    request = requests.propose(
        *past, strategy=name, incumbent="sft-1", incumbent_score=story.score(0.4), strategies_closed=closed
    )
    [proposal] = (await propose(request, requests.nobody)).proposals
    assert proposal.experiment.strategy == name
    assert proposal.job is not None
    script = proposal.job.files[proposal.job.argv[0]]
    tree = ast.parse(script)
    assert "python " in (ast.get_docstring(tree) or ""), "the docstring shows the commands"
    assert any(isinstance(node, ast.FunctionDef) and node.name == "main" for node in tree.body)
    imports = [node.names[0].name for node in tree.body if isinstance(node, ast.Import)]
    assert not {"torch", "transformers", "trl"} & set(imports), "heavy imports stay inside main"
    config = yaml.safe_load(proposal.job.files["config.yaml"])
    assert config["model_name_or_path"] == ("/base" if name == "sft" else "/m/sft-1")
    assert config["learning_rate"] == proposal.experiment.recipe["learning_rate"]
    assert config["train_seconds"] < proposal.experiment.seconds


@pytest.mark.parametrize("name", ["sft", "lora", "grpo", "rejection_sampling"])
def test_the_search_stays_inside_its_space(name: str) -> None:
    view = View(requests.propose())
    space, first = PLANS[name].space(view), PLANS[name].first(view)
    past: list[Entry] = []
    for number in range(8):
        recipe = suggest(space, first, past, "seed")
        assert set(recipe) == set(first)
        for key, choice in space.items():
            value = recipe[key]
            if isinstance(choice, tuple):
                assert value in choice
            else:
                assert isinstance(value, float) and choice.low <= value <= choice.high
        past.append(requests.entry(f"{name}-{number}", number / 10, recipe=recipe))
    assert len({str(entry.experiment.recipe) for entry in past}) > 4
