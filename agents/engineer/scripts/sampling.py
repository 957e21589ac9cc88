"""Samples answers from a model: by vLLM where it is installed and there is a GPU, else by batches of transformers.

Of several processes each samples by transformers on its own GPU: each one's vLLM would take the first.

Used by `rejection_sampling.py`; `decoding.py` and `vllm_engine.py` stand beside it in the job's folder.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

BATCH_ROWS = 256
"""Answers that transformers makes at a time."""
CACHE_SHARE = 0.8
"""Of the GPU memory beside the weights: the trainer comes only when sampling is over."""


@dataclass(frozen=True)
class Sampling:
    """How answers are sampled."""

    samples: int
    """For each prompt."""
    temperature: float
    max_new_tokens: int
    stop: Sequence[str]
    top_p: float = 1.0


def sampler(model_name: str, prompts: Sequence[str], how: Sampling) -> VllmSampler | TransformersSampler:
    """What samples from this model; `prompts` are all that it will be asked."""
    import torch
    from transformers import AutoTokenizer
    from vllm_engine import engine, installed, memory_share, weights_bytes

    tokenizer = AutoTokenizer.from_pretrained(model_name, padding_side="left")
    alone = os.environ.get("WORLD_SIZE", "1") == "1"
    if alone and engine(installed(), torch.cuda.is_available()) == "vllm":
        free, total = torch.cuda.mem_get_info()
        share = memory_share(total, free, weights_bytes(Path(model_name)), cache=CACHE_SHARE)
        if share is not None:
            return VllmSampler(model_name, tokenizer, prompts, how, share)
    return TransformersSampler(model_name, tokenizer, how)


class VllmSampler:
    """One engine for all prompts."""

    def __init__(self, model_name: str, tokenizer: Any, prompts: Sequence[str], how: Sampling, share: float) -> None:
        from vllm_engine import AT_ONCE, VllmEngine

        self.tokenizer, self.how, self.at_once = tokenizer, how, AT_ONCE
        longest = max((len(ids) for ids in tokenizer(list(prompts))["input_ids"]), default=1)
        self._engine = VllmEngine(model_name, context=longest + how.max_new_tokens, share=share)
        self._eos = _eos_ids(model_name, tokenizer)

    def texts(self, prompts: Sequence[str]) -> list[list[str]]:
        """The answers to each prompt."""
        from decoding import for_vllm

        how = for_vllm(
            do_sample=True, temperature=self.how.temperature, top_p=self.how.top_p, stop=self.how.stop,
            max_new_tokens=self.how.max_new_tokens, eos_token_ids=self._eos, samples=self.how.samples,
        )  # fmt: skip
        found = self._engine.answer_ids(self.tokenizer(list(prompts))["input_ids"], how)
        return [_decoded(self.tokenizer, answers) for answers in found]

    def close(self) -> None:
        self._engine.close()


class TransformersSampler:
    """The model itself, on the GPU where there is one."""

    def __init__(self, model_name: str, tokenizer: Any, how: Sampling) -> None:
        import torch
        from transformers import AutoModelForCausalLM, GenerationConfig

        from decoding import for_transformers  # isort: skip (it stands beside this file in the job's folder)

        self.tokenizer, self.how, self.at_once = tokenizer, how, max(1, BATCH_ROWS // how.samples)
        self._model = AutoModelForCausalLM.from_pretrained(model_name)
        self._model.to("cuda" if torch.cuda.is_available() else "cpu")
        said = for_transformers(
            do_sample=True, temperature=how.temperature, top_p=how.top_p, max_new_tokens=how.max_new_tokens,
            eos_token_ids=_eos_ids(model_name, tokenizer), pad_token_id=_pad_id(tokenizer), samples=how.samples,
        )  # fmt: skip
        self._settings = self._model.generation_config = GenerationConfig(**said)

    def texts(self, prompts: Sequence[str]) -> list[list[str]]:
        """The answers to each prompt."""
        import torch

        inputs = self.tokenizer(list(prompts), return_tensors="pt", padding=True).to(self._model.device)
        with torch.inference_mode():
            output = self._model.generate(
                input_ids=inputs["input_ids"],
                attention_mask=inputs["attention_mask"],
                generation_config=self._settings,
            )
        texts = _decoded(self.tokenizer, output[:, inputs["input_ids"].shape[1] :])
        return [texts[at : at + self.how.samples] for at in range(0, len(texts), self.how.samples)]

    def close(self) -> None:
        """Nothing to do: its memory goes with it."""


def _decoded(tokenizer: Any, ids: Any) -> list[str]:
    """As the scorer reads them."""
    texts: list[str] = tokenizer.batch_decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False)
    return texts


def _eos_ids(model_name: str, tokenizer: Any) -> list[int]:
    """At which an answer ends: what the model says, and the tokenizer's own."""
    from transformers import AutoConfig, GenerationConfig

    try:
        said = GenerationConfig.from_pretrained(model_name).eos_token_id
    except OSError:  # a model without that file
        said = AutoConfig.from_pretrained(model_name).get_text_config().eos_token_id
    ids = [said] if isinstance(said, int) else list(said or [])
    return sorted({*ids, *([tokenizer.eos_token_id] if tokenizer.eos_token_id is not None else [])})


def _pad_id(tokenizer: Any) -> int:
    """Padding is masked, so that any token would do where none is named."""
    named = (tokenizer.pad_token_id, tokenizer.eos_token_id)
    return next((int(token) for token in named if token is not None), 0)
