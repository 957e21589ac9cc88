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

UNITS: Mapping[LimitKind, str] = {
    "tool_calls": "tool calls",
    "tokens": "tokens",
    "seconds": "seconds",
    "usd": "US dollars",
}


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
        self.count(tokens=tokens, usd=usd, tool_calls=tool_calls)
        self.check()

    def count(self, *, tokens: int = 0, usd: float = 0.0, tool_calls: int = 0) -> None:
        """Of what has been had already: the reply that passes a limit is paid for, and may be the answer."""
        for limit in self._outwards():
            limit.tokens += tokens
            limit.usd += usd
            limit.tool_calls += tool_calls

    def note(self, cost: Thought) -> None:
        """Count what another process has spent, of now or of before."""
        for limit in self._outwards():
            limit.tokens += cost.prompt_tokens + cost.completion_tokens
            limit.usd += cost.usd or 0.0
            limit.tool_calls += cost.tool_calls
            limit.seconds += cost.seconds

    def check(self) -> None:
        """Raises `LimitExceeded` for the first allowance that is exceeded, from the innermost outwards."""
        for limit in self._outwards():
            for kind, value in limit.spent().items():
                allowed = limit.allowed(kind)
                if allowed is not None and value > allowed:
                    raise LimitExceeded(kind, value, allowed, limit.name)

    def check_calls(self) -> None:
        """Raises `LimitExceeded` where no tool call is left. With an allowance of 0 a mind thinks without tools."""
        for limit in self._outwards():
            allowed = limit.allowance.tool_calls
            if allowed and limit.tool_calls >= allowed:
                raise LimitExceeded("tool_calls", limit.tool_calls, allowed, limit.name)

    def left(self, kind: LimitKind) -> float | None:
        """Of this limit and those around it: the least; None where none has one."""
        scarcest = self._scarcest(kind)
        return None if scarcest is None else max(0.0, scarcest[0])

    def seconds_left(self) -> float | None:
        return self.left("seconds")

    def used_up(self, kind: LimitKind) -> LimitExceeded:
        """What to raise where so little is left of it that it ends here; some limit must bound it."""
        scarcest = self._scarcest(kind)
        assert scarcest is not None, f"nothing bounds {kind}"
        limit = scarcest[1]
        return LimitExceeded(kind, limit.spent()[kind], limit.allowed(kind) or 0.0, limit.name)

    def told(self) -> str:
        """What is left, in a line for the model; empty where nothing is bounded."""
        left = [(kind, self.left(kind), 2 if kind == "usd" else 0) for kind in UNITS]
        amounts = [f"{value:,.{digits}f} {UNITS[kind]}" for kind, value, digits in left if value is not None]
        return f"You have left: {', '.join(amounts)}." if amounts else ""

    def spent(self) -> dict[LimitKind, float]:
        seconds = self.seconds + (time.monotonic() - self.begun if self.entered else 0.0)
        return {"tokens": self.tokens, "usd": self.usd, "tool_calls": self.tool_calls, "seconds": seconds}

    def allowed(self, kind: LimitKind) -> float | None:
        found: float | None = getattr(self.allowance, kind)
        return found

    def _scarcest(self, kind: LimitKind) -> tuple[float, Limit] | None:
        """The limit that has the least left of it, and how much."""
        bounds = [(limit, limit.allowed(kind)) for limit in self._outwards()]
        left = [(allowed - limit.spent()[kind], limit) for limit, allowed in bounds if allowed is not None]
        return min(left, key=lambda one: one[0], default=None)

    def _outwards(self) -> Iterator[Limit]:
        limit: Limit | None = self
        while limit is not None:
            yield limit
            limit = limit.around


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
        of_role = self.of(role)
        of_role.check_calls()
        with Limit(role, self.turn_allowance, of_role).enter() as limit:
            yield limit
