"""What minds have spent: added up from the thoughts in a run's journal, by role and in all."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Self

from protocol.message import Part
from protocol.thought import Thought


class Spent(Part):
    """What language models have cost so far."""

    turns: int = 0
    """Conversations, one an answer; a second one where the first did not fit the model's context."""
    calls: int = 0
    """Of models."""
    tool_calls: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    usd: float = 0.0
    """Of the models whose price is known."""
    unpriced_tokens: int = 0
    """Of the others."""
    seconds: float = 0.0
    """From question to answer, tools included."""
    fallbacks: int = 0
    """Answers that the playbook gave instead."""

    @property
    def tokens(self) -> int:
        return self.prompt_tokens + self.completion_tokens

    def plus(self, cost: Thought) -> Self:
        tokens = cost.prompt_tokens + cost.completion_tokens
        return self.model_copy(
            update={
                "turns": self.turns + 1,
                "calls": self.calls + cost.calls,
                "tool_calls": self.tool_calls + cost.tool_calls,
                "prompt_tokens": self.prompt_tokens + cost.prompt_tokens,
                "completion_tokens": self.completion_tokens + cost.completion_tokens,
                "usd": self.usd + (cost.usd or 0.0),
                "unpriced_tokens": self.unpriced_tokens + (tokens if cost.usd is None else 0),
                "seconds": self.seconds + cost.seconds,
            }
        )

    def with_fallback(self) -> Self:
        return self.model_copy(update={"fallbacks": self.fallbacks + 1})


def total(spent: Iterable[Spent]) -> Spent:
    """All of them together."""
    parts = list(spent)
    return Spent(**{name: sum(getattr(part, name) for part in parts) for name in Spent.model_fields})
