"""Answers by vLLM instead of by batches of transformers, where vLLM is installed and there is a GPU. Called by
`generate`, in the torch thread.

The model that was loaded, to see that it is whole, makes room on the GPU for vLLM's own copy of it.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from protocol.score import Decoding
from services.scorer import loading
from services.scorer.loading import LoadedModel
from services.scorer.stopping import Stopped
from tools import decoding as said
from tools.vllm_engine import VllmEngine, memory_share, weights_bytes

log = logging.getLogger(__name__)
CACHE_SHARE = 0.4
"""Of the memory that is free beside the weights: the rest is for training jobs beside us."""


def answer_ids(
    loaded: LoadedModel,
    prompts: Sequence[list[int]],
    decoding: Decoding,
    seed: int,
    stopping: threading.Event | None = None,
) -> list[list[int]] | None:
    """Token ids of each answer; None where vLLM cannot serve this model here, which transformers then does.

    Raises `Stopped` when `stopping` is set meanwhile.
    """

    def between() -> None:
        if stopping is not None and stopping.is_set():
            raise Stopped

    loaded.model.to("cpu")
    loading.release()
    try:
        found = _asked(loaded, prompts, settings(loaded, decoding, seed), between)
    except Stopped:
        raise
    except Exception as error:  # whatever it is that vLLM cannot do with this model
        log.warning("vLLM does not serve %s, so transformers does: %s", loaded.model.name_or_path, error)
        found = None
    if found is None:
        loaded.model.to(loaded.device)
    return found


def _asked(
    loaded: LoadedModel, prompts: Sequence[list[int]], sampling: dict[str, object], between: Callable[[], None]
) -> list[list[int]] | None:
    folder = loaded.model.name_or_path
    free, total = torch.cuda.mem_get_info(loaded.device)
    share = memory_share(total, free, weights_bytes(Path(folder)), cache=CACHE_SHARE)
    if share is None:
        log.warning("too little GPU memory is free for vLLM: %.1f GB", free / 1e9)
        return None
    engine = VllmEngine(folder, context=loaded.context, share=share)
    try:
        return [answers[0] for answers in engine.answer_ids(prompts, sampling, between)]
    finally:
        engine.close()


def settings(loaded: LoadedModel, decoding: Decoding, seed: int) -> dict[str, object]:
    """Arguments of `SamplingParams`: what ships, and nothing else."""
    return said.for_vllm(
        do_sample=decoding.do_sample,
        temperature=decoding.temperature,
        top_p=decoding.top_p,
        max_new_tokens=decoding.max_new_tokens,
        stop=decoding.stop,
        eos_token_ids=loaded.eos_token_ids,
        seed=seed,
    )
