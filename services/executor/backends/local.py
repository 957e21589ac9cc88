"""The local backend: jobs as forks of a zygote on this machine."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import time
from collections.abc import AsyncIterator, Sequence

from pydantic import ValidationError

from protocol.job import Job
from services.executor.backends.backend import Exit, Terms
from services.executor.files.folder import JobFolder
from services.executor.files.tail import Tail
from services.executor.inventory.device import device_name
from services.executor.inventory.memory import memory_used
from services.executor.job.events import FILE_EVENT, Event, Garbled, Printed
from services.executor.warm.client import Fork, ZygoteClient
from services.executor.warm.messages import Start

log = logging.getLogger(__name__)
POLL = 0.05
"""Seconds between two looks at a job's files: half of what a figure may take to the bus is for the rest of the way."""
MEMORY_POLL = 0.5
KILL_SECONDS = 10.0
"""A killed process may still sit in a system call, of a network disk for instance."""


class LocalBackend:
    """Forks jobs on this machine, `slots` at a time."""

    name = "local"

    def __init__(self, slots: int) -> None:
        self.slots = slots
        self.device = device_name()
        self._zygote: ZygoteClient | None = None
        self._opening = asyncio.Lock()
        self._forks = 0

    async def open(self) -> None:
        async with self._opening:
            if self._zygote is not None and self._zygote.alive:
                return
            if self._zygote is not None:
                await self._zygote.close()
            self._zygote = ZygoteClient(os.environ)
            log.info("zygote ready in %.1f s", await self._zygote.open())

    async def start(self, job: Job, terms: Terms) -> LocalHandle:
        await self.open()  # anew, if it has died
        assert self._zygote is not None
        folder = JobFolder(job)
        await asyncio.to_thread(_prepare, folder)
        handle = await asyncio.to_thread(LocalHandle, self._zygote, folder)
        self._forks += 1
        request = Start(
            key=f"{job.id}.{self._forks}",
            folder=str(folder.root),
            argv=job.spec.argv,
            threads=max(1, _cores() // self.slots),
            stop_at=terms.stop_at,
        )
        handle.fork = await self._zygote.start(request)
        return handle

    async def close(self) -> None:
        if self._zygote is not None:
            await self._zygote.close()


class LocalHandle:
    """One forked job."""

    fork: Fork

    def __init__(self, zygote: ZygoteClient, folder: JobFolder) -> None:
        """Made before the fork, so that it reads on from where the files end now."""
        self.zygote, self.folder = zygote, folder
        checkpoints = folder.checkpoints()
        self.resumed_from = str(checkpoints[-1]) if checkpoints else None
        self._output = Tail(folder.log, skip=True)
        self._events = Tail(folder.events)
        self._limit: str | None = None

    async def events(self) -> AsyncIterator[Sequence[Event]]:
        memory_at = time.monotonic() + MEMORY_POLL
        while True:
            ended = self.fork.exited.done()  # asked before reading: what it said last is read then
            said = await asyncio.to_thread(self._read, ended)
            if said:
                yield said
            elif ended:
                return
            if not ended:
                if time.monotonic() >= memory_at:
                    await self._check_memory()
                    memory_at = time.monotonic() + MEMORY_POLL
                await asyncio.sleep(POLL)

    async def wait(self) -> Exit:
        ended = await asyncio.shield(self.fork.exited)
        return Exit(code=ended.code, signal=ended.signal, limit=self._limit)

    async def save(self) -> None:
        await self.zygote.signal(self.fork, signal.SIGUSR1, group=False)  # its data loaders would die of it

    async def terminate(self) -> None:
        await self.zygote.signal(self.fork, signal.SIGTERM)

    async def kill(self) -> None:
        await self.zygote.signal(self.fork, signal.SIGKILL)
        await asyncio.wait({self.fork.exited}, timeout=KILL_SECONDS)

    def _read(self, last: bool) -> list[Event]:
        said: list[Event] = [_parse(line) for line in self._events.lines(last)]
        printed = self._output.lines(last)
        return [*said, Printed(lines=tuple(printed))] if printed else said

    async def _check_memory(self) -> None:
        allowed = self.folder.job.spec.needs.memory_gb
        if allowed is None or self._limit is not None:
            return
        used = await asyncio.to_thread(memory_used, self.fork.started.result(), allowed)
        if used > allowed:
            self._limit = f"memory limit {allowed:g} GB exceeded: {used:.2f} GB"
            await self.zygote.signal(self.fork, signal.SIGKILL)


def _prepare(folder: JobFolder) -> None:
    folder.prepare()
    folder.set_torn_checkpoints_aside()


def _parse(line: str) -> Event:
    try:
        return FILE_EVENT.validate_json(line)
    except ValidationError as error:
        return Garbled(line=line, reason=error.errors()[0]["msg"])


def _cores() -> int:
    """Those that this process may use, which in a container are fewer than the machine has."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
