"""How answers are decoded, in the words of each inference engine. Pure.

Called by the scorer, and, copied verbatim into job folders as `decoding.py`, by the scripts that sample: standard
library only. What is left open would be filled by an engine's own defaults, which differ: so everything is said.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

ALL_TOKENS = {"transformers": 0, "vllm": -1}
"""`top_k` that leaves no token out. Said aloud: where nothing is said, transformers takes 50."""
GREEDY_TEMPERATURE = 0.0
"""vLLM knows no `do_sample`."""


def for_transformers(
    *,
    do_sample: bool,
    temperature: float,
    top_p: float,
    max_new_tokens: int,
    eos_token_ids: Sequence[int],
    pad_token_id: int,
    samples: int = 1,
) -> dict[str, Any]:
    """Arguments of `transformers.GenerationConfig`; sampling flags are left away in greedy decoding, where it would
    warn of them. It knows no stop strings that are cheap for a batch: the caller watches for them, and cuts."""
    sampling = {"temperature": temperature, "top_p": top_p, "top_k": ALL_TOKENS["transformers"]} if do_sample else {}
    return {
        "do_sample": do_sample,
        "max_new_tokens": max_new_tokens,
        "num_return_sequences": samples,
        "eos_token_id": list(eos_token_ids) or None,
        "pad_token_id": pad_token_id,
        **sampling,
    }


def for_vllm(
    *,
    do_sample: bool,
    temperature: float,
    top_p: float,
    max_new_tokens: int,
    eos_token_ids: Sequence[int],
    stop: Sequence[str],
    samples: int = 1,
    seed: int | None = None,
) -> dict[str, Any]:
    """Arguments of `vllm.SamplingParams` (https://docs.vllm.ai/en/stable/api/vllm/sampling_params.html).

    `seed` is that of the first prompt; `vllm_engine` gives each further one its own.
    """
    return {
        "n": samples,
        "temperature": temperature if do_sample else GREEDY_TEMPERATURE,
        "top_p": top_p if do_sample else 1.0,
        "top_k": ALL_TOKENS["vllm"],
        "min_p": 0.0,
        "repetition_penalty": 1.0,
        "max_tokens": max_new_tokens,
        "stop": [mark for mark in stop if mark],  # it refuses empty ones
        "stop_token_ids": list(eos_token_ids),
        "seed": seed,
    }
