"""Runs that were started elsewhere (by `postdocs run`), shown in Studio: their journals, copied onto Studio's bus.

A projection, as every view is: nothing is said in the copy that the run would hear.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict

from nats.errors import Error as NatsError

from protocol.bus import Bus
from protocol.errors import PostdocsError
from protocol.journal import Journal
from protocol.tasks import stop
from services.run_access import keeps_going, open_journal
from services.run_folder import RunFolder

log = logging.getLogger(__name__)
IDLE_SECONDS = 1.0
"""After so long without a message it looks whether the run is still there."""


class Mirrors:
    """Copies journals for as long as it stands."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._following: dict[str, asyncio.Task[None]] = {}
        self._opening: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def open(self, folder: RunFolder) -> bool:
        """Copy what was said, and go on copying while the run goes on; whether it does. One that was interrupted and
        resumed has its journal at another address: it is opened anew."""
        async with self._opening[folder.id]:
            going = self._following.get(folder.id)
            if going is None or going.done():
                last = await self._copied(folder)
                if _goes_on(folder):
                    self._following[folder.id] = asyncio.create_task(self._follow(folder, last))
        return _goes_on(folder)

    async def _copied(self, folder: RunFolder) -> int:
        """Copy what was said so far; the sequence number of the last of it."""
        copy, last = Journal(self._bus, folder.id), 0
        await copy.create()
        async with open_journal(folder) as source:
            async for sequence, envelope in source.replay():
                await copy.append(envelope)
                last = sequence
        return last

    async def _follow(self, folder: RunFolder, after: int) -> None:
        """Until the run ends, or its bus does: `open` goes on from there."""
        copy = Journal(self._bus, folder.id)
        try:
            async with open_journal(folder) as source:
                while _goes_on(folder) and source.bus.client.is_connected:
                    async for sequence, envelope in source.follow(after, idle=IDLE_SECONDS):
                        await copy.append(envelope)
                        after = sequence
                        if envelope.data.type == "run_ended":
                            return
        except (PostdocsError, NatsError, OSError) as error:
            log.warning("the journal of %s is opened anew: %s", folder.id, str(error) or type(error).__name__)

    async def stop(self) -> None:
        await stop(list(self._following.values()))


def _goes_on(folder: RunFolder) -> bool:
    return not folder.ended.exists() and keeps_going(folder)
