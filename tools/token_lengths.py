"""How long texts are for a model: in tokens of its tokenizer, else in characters. Called by the curator."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Lengths = NDArray[np.int64]
_CONTEXT_NAMES = ("max_position_embeddings", "n_positions", "max_seq_len", "seq_length")


@dataclass(frozen=True)
class Ruler:
    """Measures texts, and knows how much the model takes."""

    unit: Literal["tokens", "characters"]
    measure: Callable[[Sequence[str]], Lengths]
    context: int | None
    """Tokens that the model takes at most; None where its config does not say."""


def ruler(model: Path) -> Ruler:
    """A ruler for the model in this folder; characters where the folder or its tokenizer is not there."""
    context = _context(model / "config.json")
    try:
        if (model / "tokenizer.json").is_file():
            return Ruler("tokens", _fast(model / "tokenizer.json"), context)
        if (model / "tokenizer_config.json").is_file():
            return Ruler("tokens", _slow(model), context)
    except ImportError:  # the `agents` extra alone has no tokenizers
        pass
    return Ruler("characters", lambda texts: np.array([len(text) for text in texts], dtype=np.int64), None)


def _fast(path: Path) -> Callable[[Sequence[str]], Lengths]:
    from tokenizers import Tokenizer  # without transformers: 5 ms instead of seconds

    tokenizer = Tokenizer.from_file(str(path))
    tokenizer.no_padding()
    tokenizer.no_truncation()

    def measure(texts: Sequence[str]) -> Lengths:
        encoded = tokenizer.encode_batch(list(texts), add_special_tokens=False)
        return np.array([len(one.ids) for one in encoded], dtype=np.int64)

    return measure


def _slow(model: Path) -> Callable[[Sequence[str]], Lengths]:
    """For tokenizers that are Python only, such as ByT5's bytes."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(model, local_files_only=True)

    def measure(texts: Sequence[str]) -> Lengths:
        ids = tokenizer(list(texts), add_special_tokens=False)["input_ids"] if texts else []
        return np.array([len(one) for one in ids], dtype=np.int64)

    return measure


def _context(config: Path) -> int | None:
    try:
        held = json.loads(config.read_text())
    except (OSError, ValueError):
        return None
    if not isinstance(held, dict):
        return None
    places = [held, held.get("text_config") or {}]
    return next((int(place[name]) for place in places for name in _CONTEXT_NAMES if place.get(name)), None)
