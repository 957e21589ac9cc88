"""What is done about a failure."""

from __future__ import annotations

from dataclasses import dataclass

from protocol.experiment import Proposal


@dataclass(frozen=True)
class Remedy:
    """In words, and as the mended job where code can mend it."""

    told: str
    retry: Proposal | None = None
