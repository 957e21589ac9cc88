"""The warm pool: zygotes, of which one is ready whenever a job comes. Used by the local backend.

One that has died is replaced at once; one that has forked many jobs, or has grown, is replaced first and retired then,
when the last of its jobs has ended. So with two or more no job ever waits for an import; with one, only after a death.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Coroutine, Mapping, Sequence
from typing import Any

from protocol.tasks import stop
from services.executor.backends.backend import BackendFailed
from services.executor.warm.client import FORK_SECONDS, ZygoteClient
from services.executor.warm.preload import MODULES

log = logging.getLogger(__name__)
SIZE = 1
RECYCLE_AFTER = 200
"""Jobs. A zygote does nothing but fork, and so hardly ages; this bounds what nobody has thought of."""
GROWTH = 256 << 20
"""Bytes that a zygote may grow by. Its jobs do not count: what they allocate is theirs."""


class WarmPool:
    """Keeps `size` zygotes ready."""

    def __init__(
        self,
        size: int = SIZE,
        recycle_after: int = RECYCLE_AFTER,
        environment: Mapping[str, str] = os.environ,
        sandboxed: bool = True,
        modules: Sequence[str] = MODULES,
    ) -> None:
        """`modules`: what they import before the first job comes."""
        self._size, self._recycle_after, self._modules = size, recycle_after, modules
        self._environment, self._sandboxed = environment, sandboxed
        self._ready: list[ZygoteClient] = []
        self._worn: set[ZygoteClient] = set()
        """Of those that are ready: to be replaced."""
        self._starting: set[asyncio.Task[None]] = set()
        self._retiring: set[asyncio.Task[None]] = set()
        self._trouble: BackendFailed | None = None
        """Why the last one could not be started."""

    async def open(self) -> None:
        """Return when the first is ready; the others follow. Raises `BackendFailed`."""
        await self.zygote()

    async def zygote(self) -> ZygoteClient:
        """The ready one with the fewest jobs, or the first to become ready. Raises `BackendFailed`."""
        self._bury_the_dead()
        self._replenish()
        while not self._ready:
            await asyncio.wait(self._starting, return_when=asyncio.FIRST_COMPLETED)
            self._bury_the_dead()
            if not self._ready and not self._starting:
                raise self._trouble or BackendFailed("no zygote could be started")
        chosen = min(self._ready, key=lambda one: (one in self._worn, one.jobs))
        if chosen.forks + 1 >= self._recycle_after or chosen.growth > GROWTH:
            self._worn.add(chosen)
            self._replenish()
        return chosen

    async def close(self) -> None:
        """End all of them, and with them their jobs."""
        await stop([*self._starting, *self._retiring])
        await asyncio.gather(*(one.close() for one in self._ready))
        self._ready.clear()

    def _replenish(self) -> None:
        fresh = sum(one not in self._worn for one in self._ready)
        for _ in range(self._size - fresh - len(self._starting)):
            _keep(self._starting, self._start())

    async def _start(self) -> None:
        one = ZygoteClient(self._environment, self._sandboxed, self._modules)
        try:
            log.info("zygote ready in %.1f s", await one.open())
        except BackendFailed as error:
            self._trouble = error
            await one.close()
            return
        except asyncio.CancelledError:
            await one.close()
            raise
        self._ready.append(one)
        for worn in list(self._worn):
            self._worn.discard(worn)
            self._ready.remove(worn)
            _keep(self._retiring, self._retire(worn))

    async def _retire(self, one: ZygoteClient) -> None:
        """Close it when its last job has ended, or with the pool."""
        try:
            if one.alive:
                await asyncio.sleep(FORK_SECONDS)  # who was given it just now has not asked it for a fork yet
            await one.idle()
        finally:
            await one.close()

    def _bury_the_dead(self) -> None:
        for one in [one for one in self._ready if not one.alive]:
            log.warning("a zygote has died; %d are ready", len(self._ready) - 1)
            self._ready.remove(one)
            self._worn.discard(one)
            _keep(self._retiring, self._retire(one))


def _keep(tasks: set[asyncio.Task[None]], work: Coroutine[Any, Any, None]) -> None:
    task = asyncio.create_task(work)
    tasks.add(task)
    task.add_done_callback(tasks.discard)
