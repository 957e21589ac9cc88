"""The lease on a job, as its holder counts it: over here before it is over at the queue.

Two workers must never have one job. The queue passes a job on when it has heard nothing for a lease, so a holder has to
stop earlier: counted from when the last confirmed heartbeat was *sent*, less a margin in which the job is killed
(Gray and Cheriton 1989, "Leases", doi:10.1145/74850.74870). Kept by `delivery.py`; what a worker that is frozen cannot
do itself, its zygote does (`warm/leases.py`).
"""

from __future__ import annotations

import time

MARGIN = 0.2
"""Share of a lease that its holder does without: time to kill a job in, and for clocks that run unlike."""
BEATS = 5
"""Heartbeats in a lease: it outlives three lost ones."""


def clock() -> float:
    """Seconds; runs on while the machine sleeps (Linux: CLOCK_BOOTTIME), as the queue's clock does."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()


class LeaseLost(Exception):
    """The queue has not heard of this worker for so long that the job may be somebody else's by now."""


class Lease:
    """How long the job is ours."""

    def __init__(self, seconds: float, asked: float) -> None:
        """`seconds` as the queue has it; `asked`: a time, by `clock`, before the queue gave the job away."""
        self.seconds = seconds
        self.until = 0.0
        """By `clock`: till then nobody else gets the job."""
        self.confirm(asked)

    @property
    def held(self) -> bool:
        """What is done to the job, or said of it, when this is false may meet another worker's work."""
        return clock() < self.until

    @property
    def beat(self) -> float:
        """Seconds between two heartbeats."""
        return self.seconds / BEATS

    @property
    def silence(self) -> float:
        """Seconds since the last heartbeat that was heard."""
        return clock() - self.until + self._safe

    def confirm(self, sent: float) -> None:
        """The queue has heard the heartbeat that was sent at this time."""
        self.until = sent + self._safe

    @property
    def _safe(self) -> float:
        return (1 - MARGIN) * self.seconds
