"""Which thread of LangGraph's server takes the steps of a run: one at a time, others look on.

Kept in memory: when the desk ends, so does the server beside it.
"""

from __future__ import annotations

import time
from collections.abc import Callable

DRIVEN_SECONDS = 45.0
"""Without a word from it: thrice the time between two (`graph/live.py::KEEP_SECONDS`)."""


class Drivers:
    """`take(run, thread)` again and again, by whoever takes the steps; `leave` when it does so no longer."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._heard: dict[str, tuple[str, float]] = {}
        """Run → thread, and when it was last heard of."""

    def driver(self, run: str) -> str:
        """The thread that takes the steps of a run now, or nothing."""
        thread, heard = self._heard.get(run, ("", 0.0))
        return thread if self._now() < heard + DRIVEN_SECONDS else ""

    def take(self, run: str, thread: str) -> str:
        """Who takes the steps from now on: `thread`, unless another does. Without a thread: who does."""
        if thread and self.driver(run) in ("", thread):
            self._heard[run] = thread, self._now()
        return self.driver(run)

    def leave(self, run: str, thread: str) -> None:
        """It takes them no longer; does nothing where another does."""
        if self.driver(run) == thread:
            del self._heard[run]
