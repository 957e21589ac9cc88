"""The scorer by vLLM gives the answers that it gives by transformers.

vLLM is not here: its stand-in below answers greedily by plain transformers, a prompt at a time, to what the scorer asks
of it. So this tests the seam (what is asked, in which order, how answers are read, what happens when it fails), and
nothing of vLLM.
"""

from __future__ import annotations

import sys
import threading
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import torch
from laboratory import GREEDY, questions
from transformers import AutoModelForCausalLM

from services.scorer import by_vllm, generate, loading
from services.scorer.items import Shot
from services.scorer.stopping import Stopped

PROMPTS = [f"{question} =" for question in questions("dev")]
SHOTS = [Shot(prompt=f"a{number} =", answer="b") for number in range(3)]


class StandInLLM:
    """Answers by transformers until an end token; stop strings are not looked for, since the scorer cuts anyway."""

    fails = False

    def __init__(self, model: str, **about: Any) -> None:
        if self.fails:
            raise ValueError("Model architectures ['Odd'] are not supported for now")
        self.model: Any = AutoModelForCausalLM.from_pretrained(model).eval()
        assert 0 < about["gpu_memory_utilization"] < 1 and about["max_model_len"] == 128

    def generate(self, prompts: Any, *, sampling_params: Any, use_tqdm: bool) -> list[Any]:
        return [self._answer(p["prompt_token_ids"], how) for p, how in zip(prompts, sampling_params, strict=True)]

    def _answer(self, ids: list[int], how: Any) -> Any:
        assert how.temperature == 0.0
        made = self.model.generate(
            torch.tensor([ids]), do_sample=False, max_new_tokens=how.max_tokens, eos_token_id=how.stop_token_ids,
            pad_token_id=0,
        )  # fmt: skip
        return SimpleNamespace(outputs=[SimpleNamespace(token_ids=made[0, len(ids) :].tolist())])


@pytest.fixture
def vllm_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with a GPU and vLLM, as far as the scorer asks."""
    module = ModuleType("vllm")
    module.__spec__ = ModuleSpec("vllm", None)
    module.LLM, module.SamplingParams = StandInLLM, SimpleNamespace  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "vllm", module)
    monkeypatch.setattr(generate, "engine", lambda installed, gpu: "vllm")
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (60 * 10**9, 80 * 10**9))


@pytest.fixture(scope="module")
def loaded(model: Path) -> loading.LoadedModel:
    return loading.load(model)


@pytest.mark.usefixtures("vllm_here")
@pytest.mark.parametrize("shots", [(), SHOTS])
def test_answers_are_those_of_transformers(
    loaded: loading.LoadedModel, shots: list[Shot], monkeypatch: pytest.MonkeyPatch
) -> None:
    by_it = generate.answers(loaded, PROMPTS, shots, GREEDY)
    monkeypatch.setattr(generate, "engine", lambda installed, gpu: "transformers")
    assert by_it == generate.answers(loaded, PROMPTS, shots, GREEDY)
    assert len(set(by_it)) > 10, "the model must say different things, or this tests nothing"


@pytest.mark.usefixtures("vllm_here")
def test_what_vllm_cannot_serve_transformers_does(
    loaded: loading.LoadedModel, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(StandInLLM, "fails", True)
    assert len(generate.answers(loaded, PROMPTS, (), GREEDY)) == len(PROMPTS)
    assert "vLLM does not serve" in caplog.text and "not supported for now" in caplog.text


@pytest.mark.usefixtures("vllm_here")
def test_without_room_on_the_gpu_transformers_answers(
    loaded: loading.LoadedModel, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (10**9, 80 * 10**9))
    assert by_vllm.answer_ids(loaded, [[1]], GREEDY, 0) is None
    assert "too little GPU memory is free for vLLM: 1.0 GB" in caplog.text


@pytest.mark.usefixtures("vllm_here")
def test_a_scorer_that_ends_does_not_wait_for_it(loaded: loading.LoadedModel) -> None:
    stopping = threading.Event()
    stopping.set()
    with pytest.raises(Stopped):
        generate.answers(loaded, PROMPTS, (), GREEDY, stopping)


def test_on_the_cpu_vllm_is_not_asked_even_where_it_is_installed(
    loaded: loading.LoadedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(generate, "installed", lambda: True)
    monkeypatch.setattr(by_vllm, "answer_ids", lambda *asked: pytest.fail("it was asked"))
    assert loaded.device.type == "cpu"
    assert len(generate.answers(loaded, PROMPTS[:3], (), GREEDY)) == 3
