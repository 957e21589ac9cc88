"""Runs that were started elsewhere (by `postdocs run`), shown in Studio: their journals, copied onto Studio's bus.

A projection, as every view is: nothing is said in the copy that the run would hear.
"""

from __future__ import annotations

import asyncio

from protocol.bus import Bus
from protocol.journal import Journal
from protocol.tasks import stop
from services.run_access import keeps_going, open_journal
from services.run_folder import RunFolder


class Mirrors:
    """Copies journals for as long as it stands."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._following: dict[str, asyncio.Task[None]] = {}

    async def open(self, folder: RunFolder) -> bool:
        """Copy what was said, and go on copying while the run goes on; whether it does."""
        going = self._following.get(folder.id)
        if going is None or going.done():
            await Journal(self._bus, folder.id).create()
            async with open_journal(folder) as source:
                last = 0
                async for sequence, envelope in source.replay():
                    await Journal(self._bus, folder.id).append(envelope)
                    last = sequence
            if not folder.ended.exists() and keeps_going(folder):
                self._following[folder.id] = asyncio.create_task(self._follow(folder, last))
        return not folder.ended.exists() and keeps_going(folder)

    async def _follow(self, folder: RunFolder, after: int) -> None:
        copy = Journal(self._bus, folder.id)
        async with open_journal(folder) as source:
            async for _, envelope in source.follow(after):
                await copy.append(envelope)
                if envelope.data.type == "run_ended":
                    return

    async def stop(self) -> None:
        await stop(list(self._following.values()))
