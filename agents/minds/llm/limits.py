"""What minds may spend: tokens, dollars, seconds and tool calls, of a role's turn, of a role, and of the whole run.

A limit is a context manager; `with limits.turn(role):` bounds one answer. Whatever is spent inside is counted in it and
in those around it, and the first that is exceeded raises `LimitExceeded`.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field

from protocol.errors import PostdocsError
from protocol.message import Part
from protocol.thought import LimitKind, Thought

UNITS = {"tokens": "tokens", "usd": "US dollars", "seconds": "seconds", "tool_calls": "tool calls"}


class LimitExceeded(PostdocsError):
    """A mind has used up what it may spend."""

    def __init__(self, type: LimitKind, value: float, limit: float, role: str) -> None:
        self.type, self.value, self.limit, self.role = type, value, limit, role
        super().__init__(f"{role} has used {value:g} of {limit:g} {UNITS[type]}")


class Allowance(Part):
    """At most so much; None: no limit."""

    tokens: int | None = None
    usd: float | None = None
    seconds: float | None = None
    tool_calls: int | None = None


TURN = Allowance(tokens=400_000, seconds=600.0, tool_calls=40)
"""Of one answer: ample for a good one, and the end of one that goes astray."""


@dataclass
class Limit:
    """One allowance, and what was spent of it."""

    name: str
    """Whose it is: a role, or `the run`."""
    allowance: Allowance
    around: Limit | None = None
    tokens: int = 0
    usd: float = 0.0
    tool_calls: int = 0
    seconds: float = 0.0
    """While it was entered, before the present time."""
    entered: int = 0
    """How many turns are under way within it; time counts once for all of them."""
    begun: float = 0.0
    """Monotonic; when the first of them began."""

    @contextmanager
    def enter(self) -> Iterator[Limit]:
        """Let the time count, here and in all around. Raises `LimitExceeded` at once where nothing is left."""
        with self.around.enter() if self.around else nullcontext():
            if not self.entered:
                self.begun = time.monotonic()
            self.entered += 1
            try:
                self.check()
                yield self
            finally:
                self.entered -= 1
                if not self.entered:
                    self.seconds += time.monotonic() - self.begun

    def spend(self, *, tokens: int = 0, usd: float = 0.0, tool_calls: int = 0) -> None:
        """Count it here and in all around, then check. Raises `LimitExceeded`."""
        limit: Limit | None = self
        while limit is not None:
            limit.tokens += tokens
            limit.usd += usd
            limit.tool_calls += tool_calls
            limit = limit.around
        self.check()

    def note(self, cost: Thought) -> None:
        """Count what was spent before, by a process that is no more."""
        limit: Limit | None = self
        while limit is not None:
            limit.tokens += cost.prompt_tokens + cost.completion_tokens
            limit.usd += cost.usd or 0.0
            limit.tool_calls += cost.tool_calls
            limit.seconds += cost.seconds
            limit = limit.around

    def check(self) -> None:
        """Raises `LimitExceeded` for the first allowance that is exceeded, from the innermost outwards."""
        for kind, value in self._spent().items():
            allowed = getattr(self.allowance, kind)
            if allowed is not None and value > allowed:
                raise LimitExceeded(kind, value, allowed, self.name)
        if self.around is not None:
            self.around.check()

    def seconds_left(self) -> float | None:
        """Of this limit and those around it: the least; None where none has one."""
        allowed = self.allowance.seconds
        mine = None if allowed is None else max(0.0, allowed - self._spent()["seconds"])
        outer = self.around.seconds_left() if self.around else None
        both = [left for left in (mine, outer) if left is not None]
        return min(both) if both else None

    def _spent(self) -> dict[LimitKind, float]:
        seconds = self.seconds + (time.monotonic() - self.begun if self.entered else 0.0)
        return {"tokens": self.tokens, "usd": self.usd, "tool_calls": self.tool_calls, "seconds": seconds}


@dataclass
class Limits:
    """A run's limits: what each role may spend, and all of them together."""

    run: Limit = field(default_factory=lambda: Limit("the run", Allowance()))
    role: Allowance = field(default_factory=Allowance)
    """Of each role that `roles` does not name."""
    roles: Mapping[str, Allowance] = field(default_factory=dict)
    turn_allowance: Allowance = TURN
    _roles: dict[str, Limit] = field(default_factory=dict)

    def of(self, role: str) -> Limit:
        return self._roles.setdefault(role, Limit(role, self.roles.get(role, self.role), self.run))

    @contextmanager
    def turn(self, role: str) -> Iterator[Limit]:
        """Bounds one answer of a role. Raises `LimitExceeded` at once where nothing is left."""
        with Limit(role, self.turn_allowance, self.of(role)).enter() as limit:
            yield limit
