"""Time, planned backwards: verify and report are reserved first, training gets what is left."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from protocol.ledger import Ledger

REPORT_SECONDS = 2.0
"""Writing the report and stopping the services; measured at well under a second."""
MODEL_LOAD_SECONDS = 2.0
"""Loading the model once more for the sealed test; measured at about a second for a small one."""
SAFETY = 1.25
"""Factor on what was measured: scoring shares the machine with whatever else runs."""
MIN_JOB_SECONDS = 6.0
"""Below this a job does little but load and save."""


@dataclass
class Clock:
    """The budget of one run, in seconds of work. Time between sessions (after a crash) does not count."""

    budget: float
    now: Callable[[], float] = time.time

    def spent(self, ledger: Ledger) -> float:
        """Seconds of work so far: the sessions before this one as journaled, this one by the clock."""
        if not ledger.sessions:
            return 0.0
        earlier = sum(last - begun for begun, last in ledger.sessions[:-1])
        return earlier + max(0.0, self.now() - ledger.sessions[-1][0])

    def reserve(self, ledger: Ledger) -> float:
        """Seconds kept back for the sealed test and the report, from measured scoring time."""
        per_row = ledger.score_seconds() / max(1, ledger.eval.dev_rows) if ledger.eval else 0.0
        rows = ledger.eval.test_rows if ledger.eval else 0
        return REPORT_SECONDS + MODEL_LOAD_SECONDS + SAFETY * per_row * rows

    def left(self, ledger: Ledger) -> float:
        """Seconds until verify has to begin."""
        return self.budget - self.spent(ledger) - self.reserve(ledger)

    def left_for_training(self, ledger: Ledger) -> float:
        """Seconds of the device that no job has yet: what is left, less the scoring of the last candidate, less
        what the jobs that wait or run will take."""
        return self.left(ledger) - SAFETY * ledger.score_seconds() - self.committed(ledger)

    def verify_at(self, ledger: Ledger) -> float:
        """Unix time at which verify has to begin: the deadline of every job."""
        return self.now() + self.left(ledger)

    def committed(self, ledger: Ledger) -> float:
        """Seconds that waiting and running jobs still take."""
        total = 0.0
        for entry in ledger.with_status("proposed", "queued", "running"):
            seconds = entry.experiment.seconds
            begun = ledger.running_since(entry.job or "")
            total += seconds if begun is None else max(0.0, begun + seconds - self.now())
        return total

    def over(self, ledger: Ledger) -> bool:
        return self.left(ledger) <= 0
