"""How much a job may say: the journal is kept for ever, and a hostile job would fill the bus's disk with it.

A token bucket (RFC 2697, with one colour). Used by the reporter for what the job itself says: figures, lines,
checkpoints.
"""

from __future__ import annotations

import time

BURST = 4 << 20
"""Bytes at once."""
RATE = 64 << 10
"""Bytes a second: five times what a job says that logs forty figures ten times a second."""


class Allowance:
    """`take` a number of bytes, if so many are left."""

    def __init__(self, burst: int = BURST, rate: float = RATE) -> None:
        self._burst, self._rate = burst, rate
        self._left, self._at = float(burst), time.monotonic()

    def take(self, size: int) -> bool:
        """Whether `size` bytes may be said now; they then count as said."""
        now = time.monotonic()
        self._left = min(self._burst, self._left + (now - self._at) * self._rate)
        self._at = now
        if size > self._left:
            return False
        self._left -= size
        return True
