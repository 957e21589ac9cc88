"""Answers of a model to many prompts, in batches, with the decoding that ships. Called by `score`, in the torch thread.
Where vLLM is installed and there is a GPU, vLLM gives them (`by_vllm`), under the same settings.

The generation settings are exactly the `Decoding`: nothing is taken from the model's own `generation_config.json`
but the ids of its end and padding tokens, so that no forgotten `top_k` or `repetition_penalty` takes part. Where the
settings sample, the same seed serves every candidate.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence

import psutil
import torch
from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM, StoppingCriteriaList

from protocol.score import Decoding
from services.scorer import by_vllm
from services.scorer.items import Shot
from services.scorer.loading import LoadedModel
from services.scorer.prompting import fit
from services.scorer.shared_prefix import common_prefix, read_once
from services.scorer.stopping import EndsAtStop
from tools.decoding import for_transformers
from tools.metrics import cut
from tools.vllm_engine import engine, installed

SEED = 0
LARGEST_BATCH = 256
MEMORY_SHARE = 0.4
"""Of the memory that is free once the model is loaded: the rest is for activations and for training jobs beside us."""
SMALL_MODEL = 50_000_000
"""Parameters up to which one CPU thread is fastest. Two threads that share their cores with a training job spend their
time waiting for each other (measured: 256 x 12 tokens of a 1 M Llama take 0.26 s with one thread, 9.4 s with two)."""
ENCODED_AT_ONCE = 1024
_DEFAULT_THREADS = torch.get_num_threads()


def answers(
    loaded: LoadedModel,
    prompts: Sequence[str],
    shots: Sequence[Shot],
    decoding: Decoding,
    stopping: threading.Event | None = None,
) -> list[str]:
    """The model's answer to each prompt, cut at the stop strings, in the order of the prompts.

    Raises `Stopped` when `stopping` is set meanwhile, and whatever the model raises.
    """
    threads = threads_for(loaded)
    if threads is not None:
        torch.set_num_threads(threads)
    room = max(1, loaded.context - decoding.max_new_tokens)
    ids = fit(prompts, shots, room, lambda texts: _encode(loaded, texts))
    if engine(installed(), loaded.device.type == "cuda") == "vllm":
        made = by_vllm.answer_ids(loaded, ids, decoding, SEED, stopping)
        if made is not None:
            return [cut(text, decoding.stop) for text in _texts(loaded, made)]
    settings = generation_settings(loaded, decoding)
    loaded.model.generation_config = settings  # else its own values would fill what `settings` leaves open
    criteria = StoppingCriteriaList([EndsAtStop(loaded.tokenizer, decoding.stop, stopping)])
    texts = [""] * len(prompts)
    order = sorted(range(len(prompts)), key=lambda number: -len(ids[number]))  # longest first: too large shows at once
    torch.manual_seed(SEED)
    size, begin = _batch_size(loaded, len(ids[order[0]]) + decoding.max_new_tokens) if order else 1, 0
    while begin < len(order):
        batch = order[begin : begin + size]
        try:
            found = _generate(loaded, [ids[number] for number in batch], settings, criteria)
        except torch.cuda.OutOfMemoryError:
            if size == 1:
                raise
            size = max(1, size // 2)
            torch.cuda.empty_cache()
            continue
        for number, text in zip(batch, found, strict=True):
            texts[number] = cut(text, decoding.stop)
        begin += size
    return texts


def generation_settings(loaded: LoadedModel, decoding: Decoding) -> GenerationConfig:
    """For transformers."""
    return GenerationConfig(
        **for_transformers(
            do_sample=decoding.do_sample,
            temperature=decoding.temperature,
            top_p=decoding.top_p,
            max_new_tokens=decoding.max_new_tokens,
            eos_token_ids=loaded.eos_token_ids,
            pad_token_id=loaded.pad_token_id,
        )
    )


def rehearse() -> None:
    """Generate two tokens with a model of nothing, which pulls in all that the first real one would wait for."""
    torch.set_num_threads(1)
    tiny = LlamaConfig(
        vocab_size=8, hidden_size=8, intermediate_size=8, num_hidden_layers=1, num_attention_heads=1, eos_token_id=1
    )
    with torch.inference_mode():
        LlamaForCausalLM(tiny).generate(
            torch.ones((1, 2), dtype=torch.long),
            attention_mask=torch.ones((1, 2), dtype=torch.long),
            generation_config=GenerationConfig(max_new_tokens=2, do_sample=False, pad_token_id=0, eos_token_id=1),
        )


def _generate(
    loaded: LoadedModel, batch: list[list[int]], settings: GenerationConfig, criteria: StoppingCriteriaList
) -> list[str]:
    """The texts of one batch. Prompts are padded on the left, so that all answers begin at the same position; what
    all of them begin with stands before the padding and is read once."""
    shared = common_prefix(batch)
    cache = read_once(loaded.model, batch[0][:shared], len(batch), loaded.device) if shared else None
    width = max(len(ids) for ids in batch)
    input_ids = torch.full((len(batch), width), loaded.pad_token_id, dtype=torch.long)
    mask = torch.zeros((len(batch), width), dtype=torch.long)
    for row, ids in enumerate(batch):
        begin = width - len(ids)
        kept = shared if cache is not None else 0
        input_ids[row, begin + kept :] = torch.tensor(ids[kept:], dtype=torch.long)
        mask[row, begin + kept :] = 1
        input_ids[row, :kept], mask[row, :kept] = torch.tensor(ids[:kept], dtype=torch.long), 1
    with torch.inference_mode():
        made = loaded.model.generate(
            input_ids=input_ids.to(loaded.device),
            attention_mask=mask.to(loaded.device),
            generation_config=settings,
            stopping_criteria=criteria,
            **({"past_key_values": cache} if cache is not None else {}),
        )
    return _texts(loaded, made[:, width:])


def _texts(loaded: LoadedModel, made: torch.Tensor | list[list[int]]) -> list[str]:
    found: list[str] = loaded.tokenizer.batch_decode(made, skip_special_tokens=True, clean_up_tokenization_spaces=False)
    return found


def _encode(loaded: LoadedModel, texts: list[str]) -> list[list[int]]:
    """Token ids, special tokens as the tokenizer adds them by itself (an inference engine does the same)."""
    ids: list[list[int]] = []
    for begin in range(0, len(texts), ENCODED_AT_ONCE):
        found = loaded.tokenizer(texts[begin : begin + ENCODED_AT_ONCE], verbose=False)["input_ids"]
        ids.extend([list(row) or [loaded.pad_token_id] for row in found])
    return ids


def threads_for(loaded: LoadedModel) -> int | None:
    """CPU threads that serve this model best; None on a GPU, where it does not matter."""
    if loaded.device.type != "cpu":
        return None
    return 1 if loaded.model.num_parameters() <= SMALL_MODEL else _DEFAULT_THREADS


def _batch_size(loaded: LoadedModel, length: int) -> int:
    """Rows whose keys, values and logits fit into the share of memory that is ours."""
    config = loaded.model.config.get_text_config()
    heads = config.num_attention_heads
    kept = getattr(config, "num_key_value_heads", None) or heads
    width = getattr(config, "head_dim", None) or config.hidden_size // heads
    element = next(loaded.model.parameters()).element_size()
    a_row: int = 2 * config.num_hidden_layers * kept * width * element * length
    a_row += 4 * 3 * config.vocab_size  # logits as float32, and the copies that choosing a token makes
    a_row += 4 * 6 * config.hidden_size * length  # activations of the layer at work, while the prompt is read
    return max(1, min(LARGEST_BATCH, int(_free_memory(loaded.device) * MEMORY_SHARE) // a_row))


def _free_memory(device: torch.device) -> int:
    """Bytes."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    return int(psutil.virtual_memory().available)
