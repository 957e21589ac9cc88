"""When little is left of a turn: what the model is told then, and when it may do nothing but `submit`.

What a turn has found counts only if it is submitted: a model that is cut short has been paid for nothing.
"""

from __future__ import annotations

from agents.minds.llm.limits import UNITS, Limit
from protocol.thought import LimitKind

NEAR_CALLS = 5
NEAR_ROUNDS: dict[LimitKind, float] = {"tokens": 6.0, "usd": 6.0, "seconds": 2.0}
"""Rounds like the last one: a reply, and the tools that it calls."""
LAST_ROUNDS: dict[LimitKind, float] = {"tokens": 3.0, "usd": 3.0}
"""One for another tool, one for the answer, and one for what they grow by: each holds all before it. Not by time: one
tool may take as long as all the others, and `submit` may take none."""
NEAR = "Call `submit` now: once that is used up, your answer is lost."
LAST = "Nothing more is left for tools ({what}). Call `submit` with the best answer that you have: nothing else counts."


class Ending:
    """Watches what one turn spends."""

    def __init__(self, limit: Limit) -> None:
        self._limit, self._before = limit, limit.spent()
        self.short_of: LimitKind | None = "tool_calls" if limit.left("tool_calls") == 0 else None
        """What there is too little of for anything but `submit`."""

    def see(self) -> list[str]:
        """After each round: what to tell the model, if anything."""
        spent, before = self._limit.spent(), self._before
        self._before = spent
        calls = self._limit.left("tool_calls")
        rounds = {kind: self._rounds(kind, spent[kind] - before[kind]) for kind in NEAR_ROUNDS}
        if calls == 0:
            self.short_of = "tool_calls"
        else:
            self.short_of = next((kind for kind, few in LAST_ROUNDS.items() if rounds[kind] < few), None)
        if self.short_of is not None:
            return [LAST.format(what=UNITS[self.short_of])]
        near = (calls is not None and calls <= NEAR_CALLS) or any(
            rounds[kind] < few for kind, few in NEAR_ROUNDS.items()
        )
        return [f"{self._limit.told()} {NEAR}"] if near else []

    def _rounds(self, kind: LimitKind, last: float) -> float:
        """How many rounds like the last one are left."""
        left = self._limit.left(kind)
        return float("inf") if left is None or last <= 0 else left / last
