"""How scripts sample, and how GRPO plans its generation, in a job's folder with what stands beside them there."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import torch
from trl import GRPOConfig

from agents.engineer.config import BESIDE, generation
from agents.engineer.plan import View
from protocol.brief import Compute
from tests.agents import requests

ROOT = Path(__file__).parents[2]
TINY = str(ROOT / "examples" / "tiny" / "model")
SCRIPTS = ROOT / "agents" / "engineer" / "scripts"
PROMPTS = ["ab0 ->", "cd1 ->", "a longer one, ef2 ->"]


@pytest.fixture
def job_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """On the path, as a script's folder is."""
    texts = {name: (ROOT / "tools" / source).read_text() for name, source in BESIDE.items()}
    texts |= {name: (SCRIPTS / name).read_text() for name in ("sampling.py", "grpo.py")}
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield
    for name in texts:
        sys.modules.pop(name.removesuffix(".py"), None)


def module(name: str) -> Any:
    return importlib.import_module(name)


@pytest.fixture
def vllm_here(monkeypatch: pytest.MonkeyPatch, job_folder: None) -> list[Any]:
    """A stand-in for vLLM, which is not here: it answers with the end of the prompt, `n` times. What it is asked."""
    asked: list[Any] = []

    class StandInLLM:
        def __init__(self, **about: Any) -> None:
            asked.append(about)

        def generate(self, prompts: Any, *, sampling_params: Any, use_tqdm: bool) -> list[Any]:
            asked.extend(sampling_params)
            return [
                SimpleNamespace(outputs=[SimpleNamespace(token_ids=prompt["prompt_token_ids"][-2:])] * how.n)
                for prompt, how in zip(prompts, sampling_params, strict=True)
            ]

    stand_in = ModuleType("vllm")
    stand_in.__spec__ = ModuleSpec("vllm", None)
    stand_in.LLM, stand_in.SamplingParams = StandInLLM, SimpleNamespace  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "vllm", stand_in)
    monkeypatch.setattr(module("vllm_engine"), "engine", lambda installed, gpu: "vllm")
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda: (70 * 10**9, 80 * 10**9))
    return asked


@pytest.mark.usefixtures("job_folder")
def test_transformers_samples_so_many_answers_to_each_prompt() -> None:
    sampling = module("sampling")
    source = sampling.sampler(TINY, PROMPTS, sampling.Sampling(3, 1.0, 5, ["\n"]))
    assert isinstance(source, sampling.TransformersSampler) and source.at_once == 256 // 3
    texts = source.texts(PROMPTS)
    assert [len(answers) for answers in texts] == [3, 3, 3]
    assert len({text for answers in texts for text in answers}) > 1
    said = source._settings
    assert (said.do_sample, said.temperature, said.top_p, said.top_k, said.max_new_tokens) == (True, 1.0, 1.0, 0, 5)
    source.close()


def test_vllm_is_told_the_same_and_read_the_same(vllm_here: list[Any]) -> None:
    sampling = module("sampling")
    source = sampling.sampler(TINY, PROMPTS, sampling.Sampling(3, 0.8, 5, ["\n"]))
    assert isinstance(source, sampling.VllmSampler)
    ends = [source.tokenizer.decode(ids[-2:]) for ids in source.tokenizer(PROMPTS)["input_ids"]]
    assert source.texts(PROMPTS) == [[end] * 3 for end in ends]
    about, first, *_ = vllm_here
    longest = max(len(ids) for ids in source.tokenizer(PROMPTS)["input_ids"])
    assert about["max_model_len"] == longest + 5 and about["model"] == TINY
    assert (first.n, first.temperature, first.top_p, first.top_k, first.max_tokens) == (3, 0.8, 1.0, -1, 5)
    source.close()


# -------------------------------------------------------------------- GRPO


def test_grpo_asks_for_vllm_on_gpus_only() -> None:
    def view(gpus: int) -> View:
        asked = requests.propose()
        task = asked.task.model_copy(update={"compute": Compute(gpus=gpus)})
        return View(asked.model_copy(update={"task": task}))

    assert generation(view(0)) == {}
    assert generation(view(2)) == {"use_vllm": True, "vllm_mode": "colocate"}


@pytest.mark.usefixtures("job_folder")
def test_grpo_generates_by_transformers_where_vllm_is_not(tmp_path: Path) -> None:
    planned = GRPOConfig(
        output_dir=str(tmp_path / "out"), use_vllm=True, vllm_mode="colocate", use_cpu=True, bf16=False
    )
    module("grpo").plan_generation(planned, TINY)
    assert planned.use_vllm is False


@pytest.mark.usefixtures("vllm_here")
def test_grpo_shares_the_gpu_with_vllm_as_far_as_there_is_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = module("vllm_engine")
    monkeypatch.setattr(engine, "weights_bytes", lambda folder: 3 * 10**9)
    planned = GRPOConfig(
        output_dir=str(tmp_path / "out"), use_vllm=True, vllm_mode="colocate", use_cpu=True, bf16=False
    )
    module("grpo").plan_generation(planned, TINY)
    left = 70 - 4 * 3 - 3 - 1.5
    assert planned.use_vllm is True and planned.vllm_mode == "colocate"
    assert planned.vllm_gpu_memory_utilization == pytest.approx((3 + 1.5 + 0.3 * left) / 80, abs=1e-3)

    monkeypatch.setattr(engine, "weights_bytes", lambda folder: 16 * 10**9)
    module("grpo").plan_generation(planned, TINY)
    assert planned.use_vllm is False


@pytest.mark.usefixtures("vllm_here")
def test_grpo_without_vllm_asked_for_stays_without(tmp_path: Path) -> None:
    planned = GRPOConfig(output_dir=str(tmp_path / "out"), use_cpu=True, bf16=False)
    module("grpo").plan_generation(planned, TINY)
    assert planned.use_vllm is False
