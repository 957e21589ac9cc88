"""A job of several GPUs starts one process a GPU, and a step of its optimizer sees what the recipe says."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from agents.engineer.plan import View
from agents.engineer.processes import shared_out
from agents.engineer.strategies import PLANS
from protocol.brief import Compute
from protocol.experiment import Experiment
from protocol.job import JobSpec
from protocol.research import ModelFacts
from tests.agents.requests import propose

LLAMA = "meta-llama/Llama-3.1-8B"
TRAINED = ["sft", "lora", "grpo", "rejection_sampling"]


def job(strategy: str, model: str = LLAMA, **compute: Any) -> JobSpec:
    request = propose(model=ModelFacts())
    task = request.task.model_copy(update={"base_model": model, "compute": Compute(**compute)})
    seen = View(request.model_copy(update={"task": task, "base_model": model}))
    plan = PLANS[strategy]
    recipe = plan.first(seen)
    made = plan.job(seen, Experiment(id="e-1", strategy=strategy, hypothesis="", recipe=recipe, seconds=600))  # type: ignore
    assert made is not None
    return made


@pytest.mark.parametrize("strategy", TRAINED)
@pytest.mark.parametrize(("gpus", "launch"), [(0, "python"), (1, "python"), (2, "ddp"), (8, "ddp")])
def test_several_gpus_are_several_processes(strategy: str, gpus: int, launch: str) -> None:
    assert job(strategy, gpus=gpus).launch == launch


def test_a_model_that_with_its_optimizer_fits_no_gpu_is_trained_in_shards() -> None:
    assert job("sft", gpus=8, kind="h100", min_memory_gb=40).launch == "fsdp"
    assert job("sft", gpus=8, kind="h200").launch == "ddp"
    assert job("lora", gpus=8, kind="h100", min_memory_gb=40).launch == "ddp", "adapters are merged in the end"
    assert job("sft", "who/knows", gpus=8, kind="h100").launch == "ddp"


def test_what_the_task_says_of_its_jobs_goes_before() -> None:
    made = job("sft", gpus=2, launch="fsdp", hosts=("hf.co",), requirements=("tiktoken",), disk_gb=9)
    assert (made.launch, made.hosts, made.requirements, made.needs.disk_gb) == ("fsdp", ("hf.co",), ("tiktoken",), 9)
    assert job("sft", gpus=2, launch="python").launch == "python"


@pytest.mark.parametrize("strategy", TRAINED)
@pytest.mark.parametrize("compute", [{"gpus": 2}, {"gpus": 8, "kind": "h100"}, {"launch": "ddp"}], ids=str)
def test_a_step_sees_as_much_on_many_gpus_as_on_one(strategy: str, compute: dict[str, Any]) -> None:
    one, many = (yaml.safe_load(job(strategy, **how).files["config.yaml"]) for how in ({}, compute))
    processes = compute.get("gpus", 2)
    accumulation = many.get("gradient_accumulation_steps", 1)
    assert many["per_device_train_batch_size"] * accumulation * processes == one["per_device_train_batch_size"]


@given(
    batch=st.integers(1, 256),
    accumulation=st.integers(1, 16),
    among=st.integers(1, 16),
    group=st.sampled_from([1, 4, 8]),
)
def test_a_batch_that_cannot_be_divided_becomes_a_little_larger(
    batch: int, accumulation: int, among: int, group: int
) -> None:
    batch *= group
    config: dict[str, Any] = {"per_device_train_batch_size": batch, "gradient_accumulation_steps": accumulation}
    shared = shared_out(config | ({"num_generations": group} if group > 1 else {}), among)
    each, steps = int(shared["per_device_train_batch_size"]), int(shared["gradient_accumulation_steps"])  # type: ignore
    seen, asked = each * among * steps, batch * accumulation
    assert seen == asked if asked % among == 0 and batch % among == 0 else asked <= seen
    assert seen < asked + among * group * accumulation
    assert each * among * steps % group == 0
