"""What a scripted server can do wrong, as real providers do, to order or at random by a seed."""

from __future__ import annotations

import random
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

Fault = Literal[
    "garbage",
    "rate_limit",
    "server_error",
    "slow",
    "cut",
    "wrong_json",
    "empty",
    "too_long",
    "refusal",
    "unknown_tool",
    "bad_arguments",
    "overflow",
]
"""garbage: 200 with HTML. rate_limit: 429 with Retry-After. server_error: 500. slow: the reply comes late. cut: the
connection is closed in the middle of the reply. wrong_json: JSON that is no completion. empty: no content and no call.
too_long: `finish_reason` is `length`. refusal: the model will not. unknown_tool: it calls what there is not.
bad_arguments: arguments that are no JSON. overflow: 400, the context is too long."""
FAULTS: tuple[Fault, ...] = get_args(Fault)


@dataclass
class Faults:
    """Which of the replies go wrong, and how. Thread-safe; the same seed gives the same faults in the same order."""

    kinds: Sequence[Fault] = ()
    rate: float = 1.0
    """Share of replies that go wrong."""
    seed: int = 0
    slow_seconds: float = 0.5
    retry_after: float = 0.05
    ordered: list[Fault | None] = field(default_factory=list)
    """Used up first, one a reply; None: no fault."""

    def __post_init__(self) -> None:
        self._random, self._lock = random.Random(self.seed), threading.Lock()

    def next(self) -> Fault | None:
        with self._lock:
            if self.ordered:
                return self.ordered.pop(0)
            if not self.kinds or self._random.random() >= self.rate:
                return None
            return self._random.choice(list(self.kinds))
