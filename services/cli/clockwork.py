"""How much of a run's time is spent, at this moment. Used by the live view and `show`."""

from __future__ import annotations

import time

from protocol.envelope import Envelope
from protocol.ledger import Ledger


def began(ledger: Ledger) -> float | None:
    """When the run's first session began, Unix time."""
    return ledger.sessions[0][0] if ledger.sessions else None


def elapsed(ledger: Ledger, envelope: Envelope) -> float:
    """Seconds from the beginning of the run to a message; 0 for what was said before the clock ran."""
    start = began(ledger)
    return 0.0 if start is None else max(0.0, envelope.time.timestamp() - start)


def spent(ledger: Ledger, running: bool, now: float | None = None) -> float:
    """Seconds of work in all sessions; the open end of the running one counts, up to `now` (Unix time)."""
    if not (ledger.sessions and running and ledger.ended is None):
        return ledger.spent()
    earlier = sum(last - begun for begun, last in ledger.sessions[:-1])
    return earlier + max(0.0, (time.time() if now is None else now) - ledger.sessions[-1][0])


def budget(ledger: Ledger, override: float | None = None) -> float | None:
    """Seconds that the run may take: what the command line said, else what the brief says."""
    if override is not None:
        return override
    return ledger.brief.task.budget.time if ledger.brief else None
