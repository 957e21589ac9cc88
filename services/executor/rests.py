"""Which lanes a worker leaves to others for a while, since it could not start a job of theirs.

A worker that cannot start jobs is never busy: without rests it would have them all. What ails one lane (a cluster that
refuses what its jobs ask for) need not ail the next, which is served on.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from protocol.lane import Lane
from services.executor.inventory.policy import LaneState

FIRST, MOST = 4.0, 60.0
"""Seconds, doubled each time. Others look at the queue meanwhile."""

FORGOTTEN = 600.0
"""Seconds after a rest until a lane that was not tried again, as one whose run has ended, begins anew."""


@dataclass(frozen=True)
class _Rest:
    failures: int
    """In a row: jobs that could not be started."""
    until: float


class Rests:
    """Of one worker."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._rests: dict[str, _Rest] = {}
        """By the lane's filter."""

    def failed(self, lane: Lane) -> float:
        """A job of the lane could not be started; for how many seconds it now rests."""
        failures = self._rests[lane.filter].failures if lane.filter in self._rests else 0
        seconds = min(MOST, FIRST * 2.0 ** min(failures, 9))
        self._rests[lane.filter] = _Rest(failures + 1, self._clock() + seconds)
        return seconds

    def worked(self, lane: Lane) -> None:
        self._rests.pop(lane.filter, None)

    def awake(self, lanes: Iterable[LaneState]) -> list[LaneState]:
        """All lanes; in those that rest no job waits, as far as this worker goes."""
        now = self._clock()
        self._rests = {lane: rest for lane, rest in self._rests.items() if rest.until + FORGOTTEN > now}
        resting = {lane for lane, rest in self._rests.items() if rest.until > now}
        return [state.model_copy(update={"waiting": 0}) if state.lane.filter in resting else state for state in lanes]
