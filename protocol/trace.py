"""W3C trace context (https://www.w3.org/TR/trace-context/): one trace a run, carried in the NATS headers."""

from __future__ import annotations

import contextvars
import hashlib
import secrets

HEADER = "traceparent"
_parent: contextvars.ContextVar[str | None] = contextvars.ContextVar("parent_span", default=None)


def trace_id(run: str) -> str:
    """32 hex digits, the same for all of a run."""
    return hashlib.sha256(run.encode()).hexdigest()[:32]


def headers(run: str) -> dict[str, str]:
    """Headers for a message that goes out: a new span under the current one's trace."""
    return {HEADER: f"00-{trace_id(run)}-{secrets.token_hex(8)}-01"}


def enter(received: dict[str, str] | None) -> None:
    """Take over the context of a message that came in, for what this asyncio task says next."""
    _parent.set((received or {}).get(HEADER))


def parent() -> str | None:
    """The `traceparent` that the current asyncio task works under."""
    return _parent.get()
