"""What one frame of the screen is drawn from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.text import Text

from protocol.ledger import Ledger
from services.cli import clockwork


@dataclass(frozen=True)
class Frame:
    """A run at one moment. Panels read it and change nothing."""

    run: str
    ledger: Ledger
    said: Sequence[Text] = ()
    """The dialogue so far, a line a message."""
    now: float = 0.0
    """Unix time."""
    going: bool = True
    """Whether somebody keeps the run going."""

    @property
    def spent(self) -> float:
        """Seconds of work; the open end of the running session counts."""
        return clockwork.spent(self.ledger, self.going, self.now)
