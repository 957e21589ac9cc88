"""When vLLM generates, with which share of the GPU, and what it is asked.

vLLM itself is not here: `stand_in_vllm` below has the two names that we use of it, and checks what it is given against
the documented signatures. What it cannot show is that vLLM accepts and does all that.
"""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools.decoding import for_vllm
from tools.vllm_engine import (
    AT_ONCE,
    LEAST_CACHE,
    OVERHEAD,
    VllmEngine,
    engine,
    installed,
    memory_share,
    weights_bytes,
)

GB = 1e9
SAMPLED = for_vllm(
    do_sample=True, temperature=0.7, top_p=0.9, max_new_tokens=4, eos_token_ids=(2,), stop=("\n",), samples=2, seed=5
)


class StandInParams(SimpleNamespace):
    """As `vllm.SamplingParams` is documented: keyword arguments, and these are ours."""

    def __init__(
        self, *, n: int, temperature: float, top_p: float, top_k: int, min_p: float, repetition_penalty: float,
        max_tokens: int, stop: list[str], stop_token_ids: list[int], seed: int | None,
    ) -> None:  # fmt: skip
        super().__init__(n=n, seed=seed, max_tokens=max_tokens, temperature=temperature)


class StandInLLM:
    """As `vllm.LLM` is documented. It answers with the prompt backwards, `n` times."""

    made: list[dict[str, Any]] = []
    asked: list[int] = []

    def __init__(
        self, *, model: str, max_model_len: int, gpu_memory_utilization: float, generation_config: str,
        trust_remote_code: bool, enforce_eager: bool, disable_log_stats: bool,
    ) -> None:  # fmt: skip
        self.made.append({"model": model, "max_model_len": max_model_len, "share": gpu_memory_utilization})
        assert (generation_config, trust_remote_code) == ("vllm", False)

    def generate(self, prompts: Any, *, sampling_params: list[StandInParams], use_tqdm: bool) -> list[Any]:
        self.asked.append(len(prompts))
        return [
            SimpleNamespace(
                outputs=[
                    SimpleNamespace(token_ids=(*reversed(prompt["prompt_token_ids"]), params.seed))
                    for _ in range(params.n)
                ]
            )
            for prompt, params in zip(prompts, sampling_params, strict=True)
        ]


@pytest.fixture
def stand_in_vllm(monkeypatch: pytest.MonkeyPatch) -> type[StandInLLM]:
    module = ModuleType("vllm")
    module.LLM, module.SamplingParams = StandInLLM, StandInParams  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "vllm", module)
    monkeypatch.setattr(StandInLLM, "made", [])
    monkeypatch.setattr(StandInLLM, "asked", [])
    return StandInLLM


@pytest.mark.parametrize(
    ("there", "gpu", "chosen"),
    [
        (True, True, "vllm"),
        (True, False, "transformers"),
        (False, True, "transformers"),
        (False, False, "transformers"),
    ],
)
def test_vllm_generates_where_it_is_installed_and_there_is_a_gpu(there: bool, gpu: bool, chosen: str) -> None:
    assert engine(there, gpu) == chosen


def test_it_is_looked_for_not_imported() -> None:
    assert installed() is False and "vllm" not in sys.modules


def test_a_share_holds_weights_overhead_and_cache() -> None:
    share = memory_share(80 * GB, 70 * GB, 16 * GB, cache=0.4)
    assert share == pytest.approx((16 + 1.5 + 0.4 * (70 - 16 - 1.5)) / 80, abs=1e-3)
    colocated = memory_share(80 * GB, 79 * GB, 3 * GB, reserved=12 * GB, cache=0.3)
    assert colocated == pytest.approx((3 + 1.5 + 0.3 * (79 - 12 - 3 - 1.5)) / 80, abs=1e-3)


@given(
    total=st.floats(8 * GB, 200 * GB), used=st.floats(0, 1), weights=st.floats(1e6, 200 * GB),
    reserved=st.floats(0, 100 * GB), cache=st.floats(0.05, 0.9),
)  # fmt: skip
def test_a_share_never_takes_what_is_not_free_or_is_reserved(
    total: float, used: float, weights: float, reserved: float, cache: float
) -> None:
    free = total * (1 - used)
    share = memory_share(total, free, weights, reserved=reserved, cache=cache)
    if share is None:
        assert (free - reserved - weights - OVERHEAD) * cache < LEAST_CACHE
    else:
        assert 0 < share <= 1 and share * total <= free - reserved
        assert share * total >= weights + OVERHEAD  # the cache is more than the rounding takes


def test_weights_are_counted_by_their_files(tmp_path: Path) -> None:
    for name, size in (("a.safetensors", 10), ("b.safetensors", 5), ("optimizer.pt", 99)):
        (tmp_path / name).write_bytes(b"x" * size)
    assert weights_bytes(tmp_path) == 15


def test_the_engine_asks_in_order_in_parts_and_with_a_seed_for_each_prompt(stand_in_vllm: type[StandInLLM]) -> None:
    made = VllmEngine("/m", context=64, share=0.5)
    assert stand_in_vllm.made == [{"model": "/m", "max_model_len": 64, "share": 0.5}]
    prompts = [[number, 1] for number in range(AT_ONCE + 3)]
    looks: list[int] = []
    found = made.answer_ids(prompts, SAMPLED, lambda: looks.append(1))
    assert stand_in_vllm.asked == [AT_ONCE, 3] and len(looks) == 2
    assert found == [[[1, number, 5 + number]] * 2 for number in range(AT_ONCE + 3)]
    unseeded = made.answer_ids([[4]], {**SAMPLED, "seed": None})
    assert unseeded == [[[4, None]] * 2]
    made.close()


def test_it_can_be_stopped_between_parts(stand_in_vllm: type[StandInLLM]) -> None:
    def stop() -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        VllmEngine("/m", context=64, share=0.5).answer_ids([[1]], SAMPLED, stop)
    assert stand_in_vllm.asked == []
