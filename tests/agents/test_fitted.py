"""A job's batch is made to fit its GPU before it is queued; what a step of the optimizer sees stays what it was."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from agents.engineer.fitted import memory_of
from agents.engineer.plan import View
from agents.engineer.strategies import PLANS
from agents.engineer.strategies.sft import peak_rate
from protocol.brief import Compute
from protocol.experiment import Experiment
from protocol.research import ModelFacts
from tests.agents.requests import propose
from tools.sizing.known_models import KNOWN

QWEN, LLAMA = "Qwen/Qwen3-1.7B-Base", "meta-llama/Llama-3.1-8B"


def view(model: str, prompt_tokens: int = 2000, **compute: Any) -> View:
    request = propose(model=ModelFacts())
    task = request.task.model_copy(update={"base_model": model, "compute": Compute(**compute)})
    mixture = request.mixture.model_copy(update={"prompt_tokens_max": prompt_tokens})
    return View(request.model_copy(update={"task": task, "mixture": mixture, "base_model": model}))


def config(seen: View, strategy: str) -> dict[str, Any]:
    plan = PLANS[strategy]
    recipe = plan.first(seen)
    made = Experiment(id=f"{strategy}-1", strategy=strategy, hypothesis="", recipe=recipe, seconds=600)  # type: ignore
    job = plan.job(seen, made)
    assert job is not None
    return dict(yaml.safe_load(job.files["config.yaml"]))


@pytest.mark.parametrize("strategy", ["sft", "grpo", "lora"])
def test_the_effective_batch_stays_and_the_micro_batch_shrinks(strategy: str) -> None:
    roomy = config(view(QWEN, gpus=1, kind="h200"), strategy)
    tight = config(view(QWEN, gpus=1, kind="h200", min_memory_gb=17), strategy)
    assert tight["per_device_train_batch_size"] <= roomy["per_device_train_batch_size"]
    asked = PLANS[strategy].first(view(QWEN))["per_device_train_batch_size"]
    for one in (roomy, tight):
        assert one["per_device_train_batch_size"] * one.get("gradient_accumulation_steps", 1) == asked
    assert {**tight, "per_device_train_batch_size": 0, "gradient_accumulation_steps": 0} == {
        **roomy, "per_device_train_batch_size": 0, "gradient_accumulation_steps": 0
    }  # fmt: skip


def test_a_large_model_on_a_gpu_that_just_holds_it_gets_a_small_micro_batch() -> None:
    found = config(view(LLAMA, gpus=1, kind="h100"), "sft")
    assert 1 <= found["per_device_train_batch_size"] < 16
    assert found["per_device_train_batch_size"] * found["gradient_accumulation_steps"] == 16


def test_where_nothing_is_known_nothing_is_changed() -> None:
    unknown = view("who/knows", gpus=1, kind="h100")
    for seen in (unknown, view(LLAMA, gpus=1), view(LLAMA), view(LLAMA, gpus=1, kind="x")):
        assert "gradient_accumulation_steps" not in config(seen, "sft")
    assert memory_of(Compute(gpus=1, kind="a100", min_memory_gb=20)).memory_gb == 20  # type: ignore[union-attr]


def test_a_model_of_the_hub_gets_the_learning_rate_of_its_size() -> None:
    seen = view(QWEN, gpus=1, kind="h100")
    assert seen.parameters == KNOWN[QWEN][1] and config(seen, "sft")["learning_rate"] == peak_rate(1.72e9)
