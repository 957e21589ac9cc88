"""Which folder belongs to which run: as it is asked, as `--folder` says, or as the journal tells. Used by `service`."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path

from protocol.brief import Brief
from protocol.bus import Bus
from protocol.journal import Journal
from protocol.score import PrepareEval
from services.run_folder import RunFolder
from services.scorer.evaluation import NotPrepared

REPLAY_SECONDS = 30.0


@dataclass
class Run:
    """A run as the scorer knows it."""

    folder: RunFolder
    journal: Journal
    preparing: asyncio.Lock = field(default_factory=asyncio.Lock)
    final: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held while `final_model/` is replaced, and while it is scored on test."""


class Runs:
    """The runs that this scorer serves."""

    def __init__(self, bus: Bus, run: str | None = None, folder: Path | None = None) -> None:
        self._bus = bus
        self._known: dict[str, Run] = {}
        if run is not None and folder is not None:
            self.open(run, folder)

    def open(self, run: str, folder: Path) -> Run:
        """The run, which lives in `folder`."""
        known = self._known.get(run)
        if known is None or known.folder.root != folder.resolve():
            known = self._known[run] = Run(RunFolder(folder), Journal(self._bus, run))
        return known

    async def find(self, run: str) -> Run:
        """A run that was opened before, by this process or, as its journal tells, by an earlier one.

        Raises `NotPrepared`.
        """
        if run in self._known:
            return self._known[run]
        folder = await asyncio.wait_for(self._told(run), REPLAY_SECONDS)
        if folder is None:
            raise NotPrepared(run)
        return self.open(run, folder)

    async def _told(self, run: str) -> Path | None:
        """What the journal says about the run's folder; the brief that says it is among the first messages."""
        journal = Journal(self._bus, run)
        if not await journal.exists():
            return None
        async for _, envelope in journal.replay():
            if isinstance(envelope.data, Brief | PrepareEval):
                return Path(envelope.data.folder)
        return None
