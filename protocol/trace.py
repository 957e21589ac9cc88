"""W3C trace context (https://www.w3.org/TR/trace-context/): one trace a run, carried in the NATS headers."""

from __future__ import annotations

import hashlib
import secrets

HEADER = "traceparent"


def trace_id(run: str) -> str:
    """32 hex digits, the same for all of a run."""
    return hashlib.sha256(run.encode()).hexdigest()[:32]


def headers(run: str) -> dict[str, str]:
    """Headers for a message that goes out: a span of its own in the run's trace."""
    return {HEADER: f"00-{trace_id(run)}-{secrets.token_hex(8)}-01"}
