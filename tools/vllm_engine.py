"""Answers by vLLM (https://docs.vllm.ai), where it is installed and there is a GPU; its share of the GPU is planned.

Called by the scorer, and, copied verbatim into job folders as `vllm_engine.py`, by the scripts that sample: nothing of
ours is imported, and vLLM itself only when an engine is made.
"""

from __future__ import annotations

import gc
import importlib.util
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

OVERHEAD = 1.5e9
"""Bytes beside weights and cache: CUDA's context, activations, and the kernels' workspace."""
LEAST_CACHE = 0.5e9
"""Bytes for keys and values below which vLLM has no advantage, or does not start at all."""
AT_ONCE = 1024
"""Prompts given to the engine together: many enough to keep it busy, few enough to be stopped in between."""


def installed() -> bool:
    return importlib.util.find_spec("vllm") is not None


def engine(installed: bool, gpu: bool) -> Literal["vllm", "transformers"]:
    """Which engine generates."""
    return "vllm" if installed and gpu else "transformers"


def memory_share(total: float, free: float, weights: float, *, reserved: float = 0.0, cache: float) -> float | None:
    """`gpu_memory_utilization`: the share of a GPU's `total` memory for an engine, its weights and cache included.

    `free` bytes are free now, of which `reserved` are for others still; of what then remains beside the `weights`, the
    share `cache` is for keys and values. None when too little remains. vLLM refuses a share that is not free.
    """
    rest = free - reserved - weights - OVERHEAD
    if rest * cache < LEAST_CACHE:
        return None
    return int(1000 * (weights + OVERHEAD + rest * cache) / total) / 1000


def weights_bytes(folder: Path) -> int:
    """Of a model's safetensors files."""
    return sum(path.stat().st_size for path in folder.glob("*.safetensors"))


class VllmEngine:
    """A model that answers, until it is closed."""

    def __init__(self, folder: str, *, context: int, share: float) -> None:
        """`context`: tokens of prompt and answer together. Raises whatever vLLM raises."""
        from vllm import LLM

        self._llm: Any = LLM(
            model=folder,
            max_model_len=context,
            gpu_memory_utilization=share,
            generation_config="vllm",  # nothing from the model's own: all is said with each request
            trust_remote_code=False,
            enforce_eager=True,  # capturing graphs takes longer than the one pass that each model is loaded for
            disable_log_stats=True,
        )

    def answer_ids(
        self, prompts: Sequence[list[int]], sampling: dict[str, Any], between: Callable[[], None] = lambda: None
    ) -> list[list[list[int]]]:
        """Token ids of the answers to each prompt (itself token ids), `sampling["n"]` each, in order.

        `sampling` as `decoding.for_vllm` gives it. `between` is called before each part of the work, and may raise.
        """
        from vllm import SamplingParams

        found: list[list[list[int]]] = []
        for begin in range(0, len(prompts), AT_ONCE):
            between()
            asked = [{"prompt_token_ids": list(ids)} for ids in prompts[begin : begin + AT_ONCE]]
            how = [SamplingParams(**_of(begin + number, sampling)) for number in range(len(asked))]
            outputs = self._llm.generate(asked, sampling_params=how, use_tqdm=False)
            found.extend([list(answer.token_ids) for answer in output.outputs] for output in outputs)
        return found

    def close(self) -> None:
        """Give the memory back: the engine's own process ends with it."""
        del self._llm
        gc.collect()


def _of(number: int, sampling: dict[str, Any]) -> dict[str, Any]:
    """For one prompt: under one seed for all, every prompt would be answered with the same luck."""
    seed = sampling["seed"]
    return sampling if seed is None else {**sampling, "seed": seed + number}
