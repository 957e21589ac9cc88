"""A run of the command line in Studio: its journal, copied for as long as its own bus is there, and then again."""

from __future__ import annotations

import asyncio
from pathlib import Path

from protocol.bus import Bus
from protocol.control import Tell
from protocol.envelope import wrap
from protocol.journal import Journal
from services.run_access import own_server
from services.run_folder import RunFolder
from services.studio.mirror import Mirrors

RUN = "r"


async def say(bus: Bus, text: str) -> None:
    await Journal(bus, RUN).append(wrap(Tell(text=text), run=RUN, sender="user"))


async def heard(bus: Bus) -> list[str]:
    return [one.data.text async for _, one in Journal(bus, RUN).replay() if isinstance(one.data, Tell)]


async def until_heard(mirrors: Mirrors, folder: RunFolder, bus: Bus, text: str) -> None:
    """As Studio's graph does: it opens a run that it looks at again and again."""
    async with asyncio.timeout(30):
        await mirrors.open(folder)
        while text not in await heard(bus):
            await mirrors.open(folder)
            await asyncio.sleep(0.1)


async def test_a_run_that_was_interrupted_and_resumed_is_followed_anew(bus: Bus, tmp_path: Path) -> None:
    folder, mirrors = RunFolder(tmp_path / RUN), Mirrors(bus)
    folder.root.mkdir()
    try:
        for session in ("first", "second"):  # each has a bus server of its own, at an address of its own
            async with own_server(folder) as connection:
                there = await connection.connect("test")
                await Journal(there, RUN).create()
                await say(there, f"before, {session}")
                await until_heard(mirrors, folder, bus, f"before, {session}")
                assert await mirrors.open(folder)
                await say(there, f"meanwhile, {session}")
                await until_heard(mirrors, folder, bus, f"meanwhile, {session}")
                await say(there, f"at last, {session}")
                await there.close()
        assert not await mirrors.open(folder), "it stands still"
        await until_heard(mirrors, folder, bus, "at last, second")
        assert len(await heard(bus)) == 6, "each once"
    finally:
        await mirrors.stop()
