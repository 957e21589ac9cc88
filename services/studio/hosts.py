"""The surroundings of the runs that Studio drives: one process a run, which starts scorer, crew and worker.

Kept as long as somebody looks (`OpenRun` comes again and again), and a while longer. A run whose surroundings have
ended stands still and costs nothing; time in which it waits so is not counted, since the next opening begins a session.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field

from protocol.bus import Bus
from protocol.errors import PostdocsError
from protocol.journal import Journal
from protocol.message import message_id
from protocol.tasks import stop
from services.bus_server import Connection
from services.children import Children
from services.run_folder import RunFolder

LINGER_SECONDS = 60.0
"""From the last `OpenRun` on: an answer to a question that comes within a minute finds all as it was."""
BEGIN_SECONDS = 60.0
LOOK_SECONDS = 2.0


class NotBegun(PostdocsError):
    """The process of a run was started, and says nothing in its journal."""

    def __init__(self, folder: RunFolder) -> None:
        super().__init__(f"the processes of {folder.id} do not start: see {folder.logs}")


@dataclass
class _Host:
    folder: RunFolder
    children: Children
    trouble: asyncio.Task[None]
    seen: float = field(default_factory=time.monotonic)


class Hosts:
    """`await keep(folder)` again and again; `sweep()` runs beside it; `stop()` at the end."""

    def __init__(self, bus: Bus, connection: Connection, worker: str, linger: float = LINGER_SECONDS) -> None:
        self._bus, self._connection, self._linger = bus, connection, linger
        self._argv = ("-m", "services.graph_server.one_run", "--machine", "none", "--worker", worker)
        self._hosts: dict[str, _Host] = {}
        self._lock = asyncio.Lock()

    async def keep(self, folder: RunFolder) -> None:
        """Start the run's processes where they do not run, and wait until its session has begun.

        Raises `ServiceDied` or `ServiceRefused` where they cannot be kept alive; the next call tries again.
        """
        async with self._lock:
            host = self._hosts.get(folder.id)
            if host is None:
                host = await self._started(folder)
            host.seen = time.monotonic()
            if host.trouble.done():
                await self._let_go(host)
                host.trouble.result()

    async def _started(self, folder: RunFolder) -> _Host:
        journal, session = Journal(self._bus, folder.id), 0
        await journal.create()
        while await journal.find(message_id(folder.id, "session", session)) is not None:
            session += 1
        children = Children(self._connection, folder.logs)
        argv = (*self._argv, "--run", folder.id, "--runs-dir", str(folder.root.parent))
        await children.start("host", *argv, ends=(0,))
        host = _Host(folder, children, asyncio.create_task(children.failed()))
        self._hosts[folder.id] = host
        deadline = time.monotonic() + BEGIN_SECONDS
        while not host.trouble.done() and await journal.find(message_id(folder.id, "session", session)) is None:
            if time.monotonic() > deadline:
                await self._let_go(host)
                raise NotBegun(folder)
            await asyncio.sleep(0.1)
        return host

    async def _let_go(self, host: _Host) -> None:
        self._hosts.pop(host.folder.id, None)
        await host.children.stop()
        if not host.trouble.done():
            await stop([host.trouble])

    async def sweep(self) -> None:
        """Stop, for ever, what has ended or is not looked at any more."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            async with self._lock:
                for host in list(self._hosts.values()):
                    if host.folder.ended.exists() or time.monotonic() > host.seen + self._linger:
                        await self._let_go(host)

    async def stop(self) -> None:
        await asyncio.gather(*(self._let_go(host) for host in list(self._hosts.values())))
