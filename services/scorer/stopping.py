"""Ends a sequence when a token brings a stop string, which spares a base model's chatter. Called by `generate`.

It only saves time: the text is cut at the stop strings after decoding, whether or not this saw them (a stop string
spread over several tokens goes unseen here). transformers' own `stop_strings` would see it, but examines the whole
vocabulary first, for seconds where it is large.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import torch
from transformers import StoppingCriteria


class Stopped(Exception):
    """The scorer ends; the score in progress is not needed any more."""


class EndsAtStop(StoppingCriteria):  # type: ignore[misc,unused-ignore]
    """True for the rows whose latest token holds a stop string."""

    def __init__(self, tokenizer: Any, stop: Sequence[str], stopping: threading.Event | None = None) -> None:
        self._tokenizer, self._stop, self._stopping = tokenizer, [mark for mark in stop if mark], stopping
        self._known: dict[int, bool] = {}

    def __call__(self, input_ids: torch.LongTensor, scores: torch.FloatTensor, **_: Any) -> torch.BoolTensor:
        if self._stopping is not None and self._stopping.is_set():
            raise Stopped
        ends = [self._ends(token) for token in input_ids[:, -1].tolist()]
        return torch.tensor(ends, dtype=torch.bool, device=input_ids.device)  # type: ignore[return-value]

    def _ends(self, token: int) -> bool:
        if token not in self._known:
            text = self._tokenizer.decode([token], skip_special_tokens=True, clean_up_tokenization_spaces=False)
            self._known[token] = any(mark in text for mark in self._stop)
        return self._known[token]
