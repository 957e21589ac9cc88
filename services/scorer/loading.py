"""Loading a model folder as it would be loaded by anybody, and finding out whether it is whole and finite.

Called by `generate` and `ship`, in the torch thread only.
"""

from __future__ import annotations

import gc
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.utils import logging as transformers_logging

transformers_logging.set_verbosity_error()  # what matters of it comes back as a reason
transformers_logging.disable_progress_bar()

UNBOUNDED = 1_000_000
"""Tokenizers without a limit say 10^30."""
DEFAULT_CONTEXT = 2048
_NOTHING_FOREIGN: dict[str, Any] = {"trust_remote_code": False, "local_files_only": True}
"""No Python of the model's own is run, and none of its files is looked for elsewhere; unsaid, the first would be asked
for at the terminal. Weights are safetensors: a pickle runs code when it is read."""


class ModelBroken(Exception):
    """This is no model that could ship: it cannot be loaded, is not whole, or holds NaN or infinity."""


@dataclass(frozen=True)
class LoadedModel:
    """A model with its tokenizer, ready to generate."""

    model: Any
    tokenizer: Any
    device: torch.device
    context: int
    """Tokens that prompt and answer may have together."""
    eos_token_ids: tuple[int, ...]
    """A generation ends at any of these: what the model's `generation_config.json` says, and the tokenizer's own."""
    pad_token_id: int


def load(folder: Path) -> LoadedModel:
    """Load on the GPU if there is one. Raises `ModelBroken` with the reason."""
    check_finite(folder)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, padding_side="left", **_NOTHING_FOREIGN)
        model, info = AutoModelForCausalLM.from_pretrained(
            folder, dtype="auto", use_safetensors=True, output_loading_info=True, **_NOTHING_FOREIGN
        )
        model = model.to(device).eval()
    except Exception as error:  # a broken folder raises anything: OSError, KeyError, RuntimeError …
        raise ModelBroken(f"it cannot be loaded: {_first_line(error)}") from error
    missing = sorted(info["missing_keys"])
    if missing:  # transformers would fill them at random
        raise ModelBroken(f"{len(missing)} of its weights are missing: {', '.join(missing[:3])} …")
    eos = _eos_ids(model, tokenizer)
    return LoadedModel(model, tokenizer, device, _context(model, tokenizer), eos, _pad_id(model, tokenizer, eos))


def release() -> None:
    """Give the GPU memory of models that are not used any more back to the jobs beside us."""
    if torch.cuda.is_available():
        gc.collect()
        torch.cuda.empty_cache()


def check_finite(folder: Path) -> None:
    """Every shard is there and every floating-point number in it is finite. Raises `ModelBroken`."""
    if (folder / "adapter_config.json").is_file() and not (folder / "config.json").is_file():
        raise ModelBroken("it is an adapter without its base: merge it before it is scored")
    index = folder / "model.safetensors.index.json"
    shards = {path.name for path in folder.glob("*.safetensors")}
    if index.is_file():
        wanted = set(json.loads(index.read_text())["weight_map"].values())
        if wanted - shards:
            raise ModelBroken(f"it is not whole: {', '.join(sorted(wanted - shards))} is missing")
    if not shards:
        raise ModelBroken("it holds no *.safetensors weights")
    for name in sorted(shards):
        _check_shard(folder / name)


def _check_shard(path: Path) -> None:
    try:
        with safe_open(path, framework="pt") as shard:
            for key in shard.keys():  # noqa: SIM118 (it is no dict)
                tensor = shard.get_tensor(key)
                if tensor.is_floating_point() and not bool(torch.isfinite(_wide(tensor)).all()):
                    raise ModelBroken(f"{key} holds NaN or infinity")
    except (SafetensorError, OSError) as error:
        raise ModelBroken(f"{path.name} cannot be read: {_first_line(error)}") from error


def _wide(tensor: torch.Tensor) -> torch.Tensor:
    """8-bit floats know no `isfinite`."""
    return tensor.to(torch.float32) if tensor.element_size() == 1 else tensor


def _eos_ids(model: Any, tokenizer: Any) -> tuple[int, ...]:
    said = model.generation_config.eos_token_id
    if said is None:
        said = getattr(model.config.get_text_config(), "eos_token_id", None)
    ids = [said] if isinstance(said, int) else list(said or [])
    return tuple(sorted({*ids, *([tokenizer.eos_token_id] if tokenizer.eos_token_id is not None else [])}))


def _pad_id(model: Any, tokenizer: Any, eos: tuple[int, ...]) -> int:
    """Padding is masked, so that any token would do where none is named."""
    for said in (model.generation_config.pad_token_id, tokenizer.pad_token_id, *eos):
        if isinstance(said, int) and said >= 0:
            return said
    return 0


def _context(model: Any, tokenizer: Any) -> int:
    limits = (
        getattr(model.config.get_text_config(), "max_position_embeddings", None),
        getattr(tokenizer, "model_max_length", None),
    )
    known = [int(limit) for limit in limits if limit and limit < UNBOUNDED]
    return min(known, default=DEFAULT_CONTEXT)


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0][:300]}" if lines else type(error).__name__
