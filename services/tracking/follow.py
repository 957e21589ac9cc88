"""Follows a run's journal and hands what is to be tracked to the trackers, a batch at a time."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Any

from protocol.control import RunEnded, Tracking
from protocol.envelope import wrap
from protocol.journal import Journal
from protocol.message import message_id
from protocol.tasks import stop as stop_tasks
from services.tracking.projection import Projection
from services.tracking.record import Record, Tracker

log = logging.getLogger(__name__)
BATCH_SECONDS = 2.0
"""Between two writes: a view for people, and each write costs a few milliseconds of a processor that trains."""
REASON_CHARACTERS = 300


class Follower:
    """`await Follower(journal, trackers, provenance).run(stop)` works until the run has ended or `stop` is set."""

    def __init__(
        self, journal: Journal, trackers: Mapping[str, Callable[[], Tracker]], provenance: dict[str, Any]
    ) -> None:
        self._journal, self._wanted = journal, trackers
        self._trackers: list[Tracker] = []
        self._projection = Projection(provenance)
        self._pending: list[tuple[int, Record]] = []

    async def run(self, stop: asyncio.Event) -> None:
        for name, make in self._wanted.items():
            await self._open(name, make)
        reading = asyncio.create_task(self._read())
        stopping = asyncio.create_task(stop.wait())
        try:
            while self._trackers and not (reading.done() or stopping.done()):
                await asyncio.wait({reading, stopping}, timeout=BATCH_SECONDS, return_when=asyncio.FIRST_COMPLETED)
                await self._write()
            await self._write()  # what came during the last one
            if reading.done():
                reading.result()
        finally:
            await stop_tasks([reading, stopping])
            for tracker in self._trackers:
                await asyncio.to_thread(tracker.close)

    async def _read(self) -> None:
        async for sequence, envelope in self._journal.follow():
            self._pending += [(sequence, record) for record in self._projection.records(envelope)]
            if isinstance(envelope.data, RunEnded):
                return

    async def _open(self, name: str, make: Callable[[], Tracker]) -> None:
        try:
            tracker = await asyncio.to_thread(make)
        except Exception as error:  # a package that is missing, a disk that is full, a library's own fault
            remedy = f": pip install {name}, or leave it with --track none" if isinstance(error, ImportError) else ""
            await self._give_up(name, error, remedy)
            return
        self._trackers.append(tracker)
        await self._say(Tracking(tracker=name, where=tracker.where()), name)

    async def _write(self) -> None:
        batch, self._pending = self._pending, []
        if not batch:
            return
        for tracker in tuple(self._trackers):
            try:
                await asyncio.to_thread(tracker.write, batch)
            except Exception as error:  # whatever befalls a tracker, the run goes on
                self._trackers.remove(tracker)
                await self._give_up(tracker.name, error)

    async def _give_up(self, name: str, error: Exception, remedy: str = "") -> None:
        log.error("%s is given up", name, exc_info=error)
        reason = f"{type(error).__name__}: {error}"[:REASON_CHARACTERS] + remedy
        await self._say(Tracking(tracker=name, failed=reason), name, "failed")

    async def _say(self, message: Tracking, *key: str) -> None:
        """Into the journal, once in a run: the id says what it is about."""
        run = self._journal.run
        id = message_id(run, message.type, *key)
        await self._journal.append(wrap(message, run=run, sender="tracker", id=id))
