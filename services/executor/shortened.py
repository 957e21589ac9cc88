"""An event of a job that is too long for the bus, cut until it is not. Used by the reporter.

A bus takes messages up to its `max_payload` (deploy/nats.conf: 8 MB; the default of nats-server: 1 MB), and one that is
never taken would hold up all that comes after it, the job's end too.
"""

from __future__ import annotations

from typing import Any

from protocol.envelope import Envelope

HEADERS = 4096
"""Bytes of a payload that the subject's expectation and the trace may take."""
CUTS = ((1000, 100), (100, 20), (40, 2))
"""(characters of a text, items of a list or figures of a log) that are left, first of all."""
_WHOLE = frozenset({"type", "job", "experiment"})
LEFT_OUT = "… more is left out: it is too long for the bus"


def fitting(envelope: Envelope, most: int) -> Envelope | None:
    """As much of it as the bus takes, which takes `most` bytes; None where even the least is too much."""
    for characters, items in CUTS:
        if fits(envelope, most):
            break
        told = envelope.data.model_dump()
        cut = {name: value if name in _WHOLE else _cut(value, characters, items) for name, value in told.items()}
        envelope = envelope.model_copy(update={"data": envelope.data.model_validate(cut)})
    return envelope if fits(envelope, most) else None


def fits(envelope: Envelope, most: int) -> bool:
    return len(envelope.model_dump_json().encode()) + HEADERS <= most


def _cut(value: Any, characters: int, items: int) -> Any:
    if isinstance(value, str):
        return value if len(value) <= characters else f"{value[: characters - 1]}…"
    if isinstance(value, dict):
        return {key: _cut(one, characters, items) for key, one in list(value.items())[:items]}
    if isinstance(value, list | tuple):
        kept = [_cut(one, characters, items) for one in value[-items:]]
        return kept if len(value) <= items else [LEFT_OUT, *kept]
    return value
