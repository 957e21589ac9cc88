"""What is to be told of a run that was forked from another: how often its test split may have been read, and which of
its time is that run's. Used wherever a test score or a run's time is told.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from protocol.ledger import Ledger


def parent(ledger: Ledger) -> str | None:
    """The run that this one was forked from."""
    fork = ledger.brief.fork if ledger.brief else None
    return fork.parent if fork else None


def read_how_often(parent: str | None) -> str:
    """Stands beside each score on the sealed test split: a fork has the split of its parent, which is scored wherever
    one of them ends."""
    return f"perhaps read for {parent} or its other forks too" if parent else "read once"


def same_split(ledger: Ledger) -> str:
    """Of a fork: what its test score is worth."""
    return (
        f"This is a fork of {parent(ledger)}: the same test split is scored for that run, and for each of its forks, "
        "when it ends. Whoever takes the best of several has a test score that is a little too good."
    )


@dataclass(frozen=True)
class Pause:
    """Time between two sessions. It does not count."""

    at: float
    """When the work before it ended, Unix time."""
    seconds: float
    forked: bool
    """Up to here it was the parent's work; else the run was dead."""

    @property
    def word(self) -> str:
        return "forked" if self.forked else "interrupted"


def pauses(ledger: Ledger) -> list[Pause]:
    """In order. A fork's first message is its own brief, said when it was forked; what follows is retold."""
    brief = ledger.origins.get(("brief", ""))
    begun = brief.time.timestamp() if brief and parent(ledger) else None
    return [
        Pause(at, until - at, forked=begun is not None and at <= begun <= until)
        for (_, at), (until, _) in pairwise(ledger.sessions)
    ]
