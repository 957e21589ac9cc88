"""When a job has to end: its own seconds, and its run's deadline. Used by an attempt.

A job's seconds are trained seconds, over all its deliveries: what an earlier worker trained up to the checkpoint that
the job goes on from is taken off, what was lost with that worker is not.
"""

from __future__ import annotations

import asyncio
import math
import time
from contextlib import suppress

from protocol.control import RunStarted
from protocol.envelope import Envelope
from protocol.job import Job
from protocol.journal import Journal
from services.executor.backends.backend import Handle
from services.executor.outcome import Killed

START_SECONDS = 60.0
"""A process that was started cold imports for so long, from a network disk."""
SAVE_SHARE = 0.25
"""Of a job's grace: so long before its deadline it is asked to stop and save."""


async def deadline(job: Job, envelope: Envelope, journal: Journal) -> float | None:
    """The job's deadline, Unix time; None where none holds.

    One that was set before the run died and was resumed does not: time in which a run was dead does not count.
    """
    if job.deadline is None:
        return None
    begun = await journal.find("*", "run_started")
    if begun is not None and isinstance(begun.data, RunStarted) and begun.data.at > envelope.time.timestamp():
        return None
    return job.deadline


class Limits:
    """The clock of one delivery; times are monotonic."""

    def __init__(self, job: Job, taken_up: float, deadline: float | None = None) -> None:
        """`deadline`: Unix time."""
        self._spec = job.spec
        self._deadline = math.inf if deadline is None else time.monotonic() + deadline - time.time()
        self._over = math.inf
        """When the job's own seconds and its grace are over."""
        self.latest = self._deadline - SAVE_SHARE * job.spec.grace
        """Training is stopped, and saved, by then at the latest."""
        self.stop_at = min(taken_up + job.spec.seconds, self.latest)
        self._changed = asyncio.Event()

    @property
    def kill_at(self) -> float:
        """The job is killed, if it still runs."""
        return min(self._over, self._deadline)

    def running(self, at: float) -> None:
        """The script's first line was run at this time: what it took to get there is not the job's.

        The job can say so too, again and again: that gives it no more time.
        """
        self._allow(min(at, time.monotonic()))

    def started(self) -> None:
        """Its process runs on this machine: its first line is run soon, even if the job hides that it was."""
        self._allow(time.monotonic() + START_SECONDS)

    def _allow(self, begun: float) -> None:
        self._over = min(self._over, begun + self._spec.seconds + self._spec.grace)
        self._changed.set()

    def trained_before(self, seconds: float) -> None:
        """So much of the job's time was used by earlier deliveries."""
        self._over -= min(seconds, self._spec.seconds)
        self._changed.set()

    async def enforce(self, handle: Handle) -> Killed:
        """Ask the job to save in time for its deadline; return, when it has to be killed, for what."""
        asked = False
        while (left := self.kill_at - time.monotonic()) > 0:
            if not asked and time.monotonic() >= self.latest:  # a backend may know of the job's seconds only
                asked = True
                await handle.save()
            self._changed.clear()
            wait = left if asked else min(left, self.latest - time.monotonic())
            with suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), None if math.isinf(wait) else max(0.0, wait))
        if self._deadline < self._over:
            return Killed("its deadline has passed")
        return Killed(f"time limit {self._spec.seconds:g} s + {self._spec.grace:g} s to save exceeded")
