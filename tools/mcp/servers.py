"""The MCP servers of a run: opened for a role's turn, and left alone for a while where they cannot be."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from contextlib import asynccontextmanager

from protocol.mcp import ServerTools
from protocol.message import Message
from tools.mcp.config import Server
from tools.mcp.offer import offer
from tools.mcp.schema import plain
from tools.mcp.session import LOAD_SECONDS, Session
from tools.tool import Tool

START_SHARE = 0.25
"""Of the time that a turn has left, what its servers may take to start."""
FAULT = 300
"""Characters of why a server cannot be used, which may be its own words."""
REST_SECONDS = 300.0
"""A server that could not be used is not tried again for so long: a turn is not spent on waiting for it."""


class Servers:
    """What a user has configured, and what a run has been offered so far."""

    def __init__(self, configured: Sequence[Server] = (), fault: str = "") -> None:
        """`fault`: why the config cannot be read; it is journaled, and there are no servers."""
        self._configured, self._fault = tuple(configured), fault
        self._pins: dict[str, str] = {}
        self._said: dict[tuple[str, str], ServerTools] = {}
        self._resting: dict[str, float] = {}
        """Server → monotonic time until which it is left alone."""

    def note(self, said: ServerTools) -> None:
        """What was offered is pinned: by a process that is no more, too."""
        self._said[said.role, said.server] = said
        for tool in said.tools:
            self._pins.setdefault(tool.name, tool.digest)

    @asynccontextmanager
    async def tools(
        self,
        role: str,
        taken: Collection[str],
        say: Callable[[Message], Awaitable[None]],
        seconds_left: float | None = None,
    ) -> AsyncIterator[list[Tool]]:
        """The tools that the role has of its servers in one turn. No server's fault gets out of here; `taken` are the
        names of the crew's own tools."""
        if self._fault:
            await self._tell(ServerTools(role=role, server="(config)", fault=self._fault), say)
        mine = [server for server in self._configured if role in server.roles and self._is_up(server)]
        sessions = [Session(server) for server in mine]
        try:
            await asyncio.gather(*(self._start(session, role, say, seconds_left) for session in sessions))
            yield [tool for session in sessions for tool in await self._offered(session, role, taken, say)]
        finally:
            await asyncio.gather(*(session.stop() for session in sessions))

    async def _start(
        self, session: Session, role: str, say: Callable[[Message], Awaitable[None]], seconds_left: float | None
    ) -> None:
        server = session.server
        most = math.inf if seconds_left is None else START_SHARE * seconds_left
        session.listed = await session.start(min(server.seconds, most), min(LOAD_SECONDS, most))
        if session.listed.fault:
            self._resting[server.name] = time.monotonic() + REST_SECONDS
            fault = plain(session.listed.fault, FAULT)
            await self._tell(ServerTools(role=role, server=server.name, fault=fault), say)

    async def _offered(
        self, session: Session, role: str, taken: Collection[str], say: Callable[[Message], Awaitable[None]]
    ) -> Sequence[Tool]:
        if session.listed.fault:
            return ()
        made = offer(session, taken, self._pins)
        await self._tell(
            ServerTools(role=role, server=session.server.name, tools=made.pinned, refused=made.refused), say
        )
        return made.tools

    async def _tell(self, said: ServerTools, say: Callable[[Message], Awaitable[None]]) -> None:
        """Once, until it is something else."""
        if self._said.get((said.role, said.server)) != said:
            self.note(said)
            await say(said)

    def _is_up(self, server: Server) -> bool:
        return self._resting.get(server.name, 0.0) <= time.monotonic()
