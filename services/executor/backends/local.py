"""The local backend: jobs as forks of a zygote on this machine."""

from __future__ import annotations

import asyncio
import logging
import math
import os
import signal
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from pydantic import ValidationError

from protocol.job import Cause, Job
from protocol.tasks import stop
from services.executor.backends.backend import BackendFailed, Exit, JobRefused, Terms
from services.executor.files.folder import EVENT_LINE, BadJobFolder, JobFolder
from services.executor.files.tail import Tail
from services.executor.insist import insist
from services.executor.inventory.machine import Gpu, Machine
from services.executor.inventory.nvml import read_machine
from services.executor.job.events import FILE_EVENT, Event, Garbled, Printed, Running
from services.executor.sandbox import check, identity
from services.executor.sandbox.limits import SECONDS as LIMITS_POLL
from services.executor.sandbox.limits import Limits
from services.executor.sandbox.plan import Tier
from services.executor.sandbox.prepared import Sandbox
from services.executor.warm.client import Fork, ZygoteClient
from services.executor.warm.environment import CACHE, BadRequirements, Environments
from services.executor.warm.leases import is_free, lock_file
from services.executor.warm.messages import Start
from services.executor.warm.pool import WarmPool
from services.executor.watch.usage import Nvml, Sampler, Usage

log = logging.getLogger(__name__)
POLL = 0.03
"""Seconds between two looks at a job's files: a figure has 0.2 s to get to the bus."""
ALONE_SECONDS = 30.0
"""For an earlier delivery of the job, whose lease is over, to be gone from this machine."""
KILL_SECONDS = 10.0
"""A killed process may still sit in a system call, of a network disk for instance."""


class LocalBackend:
    """Forks jobs on this machine."""

    name = "local"

    def __init__(
        self,
        machine: Machine | None = None,
        pool: WarmPool | None = None,
        environments: Environments | None = None,
        sandboxed: bool = True,
    ) -> None:
        """`machine`: what there is to give, where it is not all that is found. A `pool` that is given must agree about
        `sandboxed`."""
        self.sandboxed = sandboxed
        self.tier: Tier = "namespaces"
        """What sandboxes are made of here; known when it is open."""
        self.machine = machine or read_machine()
        self.device = self.machine.device
        self._pool = pool or WarmPool(environment=os.environ, sandboxed=sandboxed)
        self._environments = environments or Environments(CACHE)
        self._forks = 0

    async def open(self) -> None:
        """Raises `BackendFailed`; `NoSandbox` where the machine offers none, and it was not said to do without."""
        if not self.sandboxed:
            log.warning("NO SANDBOX (--no-sandbox): the code of jobs can do all that this user can")
            await self._pool.open()
            return
        self.tier, _ = await asyncio.gather(asyncio.to_thread(check.require), self._pool.open())
        if self.tier == "landlock":
            self.device += ", sandboxed by landlock"
        log.info("jobs are sandboxed by %s", self.tier)

    async def start(self, job: Job, terms: Terms) -> LocalHandle:
        begun = time.monotonic()
        python = await self._python(job)
        zygote = await self._pool.zygote()
        waited = time.monotonic() - begun  # for pip or for imports: not the job's time
        folder = JobFolder(job)
        lock = lock_file(folder.root)
        await _wait_until_free(lock)
        await asyncio.to_thread(_prepare, folder)
        sandbox = await Sandbox.prepare(job, terms.grant, python, self.tier) if self.sandboxed else None
        handle = await asyncio.to_thread(LocalHandle, zygote, folder, terms.grant.gpus, sandbox)
        self._forks += 1
        until = terms.lease_until()
        request = Start(
            key=f"{job.id}.{self._forks}",
            folder=str(folder.root),
            argv=job.spec.argv,
            threads=terms.grant.cpus,
            stop_at=min(terms.stop_at + waited, terms.latest),
            launch=job.spec.launch,
            gpus=len(terms.grant.gpus),
            python=python,
            lock=str(lock),
            until=None if math.isinf(until) else until,
            plan=sandbox.plan if sandbox is not None else None,
            steps=terms.steps,
            nice=terms.nice,
        )
        try:
            handle.fork = await zygote.start(request)
        except BaseException:
            if sandbox is not None:
                await sandbox.close()
            raise
        return handle

    async def _python(self, job: Job) -> str | None:
        """Of the job's own environment, if it is to have one. Raises `JobRefused`, `BackendFailed`."""
        if not job.spec.requirements:
            return None
        try:
            return str(await self._environments.python(job.spec.requirements))
        except BadRequirements as error:
            raise JobRefused(str(error), Cause(category="import_error", evidence=error.lines)) from error
        except OSError as error:
            raise BackendFailed(f"cannot make an environment: {error}") from error

    async def close(self) -> None:
        await self._pool.close()


class LocalHandle:
    """One forked job."""

    fork: Fork

    def __init__(self, zygote: ZygoteClient, folder: JobFolder, gpus: Sequence[Gpu], sandbox: Sandbox | None) -> None:
        """Made before the fork, so that it reads on from where the files end now."""
        self.zygote, self.folder = zygote, folder
        checkpoints = folder.checkpoints()
        self.resumed_from = str(checkpoints[-1]) if checkpoints else None
        self._output = Tail(folder.log, skip=True)
        self._events = Tail(folder.events, longest=EVENT_LINE)
        confined = (sandbox.plan, sandbox.group) if sandbox is not None else (None, None)
        self._limits = Limits(folder.job, *confined)
        self._limit: str | None = None
        self._gpus = gpus
        self._sandbox = sandbox
        self._job: int | None = None
        """Process id of a sandboxed job, when it was found."""
        self._sampler: Sampler | None = None

    async def events(self) -> AsyncIterator[Sequence[Event]]:
        watch = asyncio.create_task(self._keep_limits())
        try:
            async for said in self._said():
                yield said
        finally:
            await stop([watch])

    async def _said(self) -> AsyncIterator[Sequence[Event]]:
        while True:
            ended = self.fork.exited.done()  # asked before reading: what it said last is read then
            said = await asyncio.to_thread(self._read, ended)
            if said:
                yield said
            elif ended:
                return
            if not ended:
                await asyncio.sleep(POLL)

    async def wait(self) -> Exit:
        ended = await asyncio.shield(self.fork.exited)
        self._limit = self._limit or await asyncio.to_thread(self._limits.kept_by_kernel)
        return Exit(code=ended.code, signal=ended.signal, limit=self._limit)

    async def usage(self) -> Usage:
        if self._sampler is None:
            self._sampler = Sampler(await asyncio.to_thread(self._pid), self._gpus, Nvml())
        return await asyncio.to_thread(self._sampler.sample)

    async def renew(self, until: float) -> None:
        await self.zygote.renew(self.fork, until)

    async def save(self) -> None:
        await self.zygote.signal(self.fork, signal.SIGUSR1, group=False)  # its data loaders would die of it

    async def terminate(self) -> None:
        await self.zygote.signal(self.fork, signal.SIGTERM)

    async def kill(self) -> None:
        await self.zygote.signal(self.fork, signal.SIGKILL)
        await asyncio.wait({self.fork.exited}, timeout=KILL_SECONDS)
        if self._sandbox is not None:
            await self._sandbox.close()

    def _read(self, last: bool) -> list[Event]:
        said: list[Event] = [self._parsed(line) for line in self._events.lines(last)]
        printed = self._output.lines(last)
        return [*said, Printed(lines=tuple(printed))] if printed else said

    def _parsed(self, line: str) -> Event:
        event = _parse(line)
        return event.model_copy(update={"pid": self._pid()}) if isinstance(event, Running) else event

    def _pid(self) -> int:
        """Of the job's process; in its sandbox that has another number."""
        if self._job is None:
            pid = self.fork.started.result()
            self._job = identity.job_of(pid) if self._sandbox is not None else pid
        return self._job

    async def _keep_limits(self) -> None:
        """Kill the job when it breaks one."""
        while self._limit is None:
            await asyncio.sleep(LIMITS_POLL)
            self._limit = await asyncio.to_thread(self._limits.broken, self.fork.started.result())
        await insist(lambda: self.zygote.signal(self.fork, signal.SIGKILL))


async def _wait_until_free(lock: Path) -> None:
    """Wait until no process of an earlier delivery can write into the job's folder. Raises `BackendFailed`."""
    give_up_at = time.monotonic() + ALONE_SECONDS
    try:
        while not await asyncio.to_thread(is_free, lock):
            if time.monotonic() > give_up_at:
                raise BackendFailed(f"an earlier delivery of the job still holds {lock}")
            await asyncio.sleep(0.1)
    except OSError as error:
        raise BadJobFolder(f"cannot lock {lock}: {error}") from error


def _prepare(folder: JobFolder) -> None:
    folder.prepare()
    folder.set_torn_checkpoints_aside()


def _parse(line: str) -> Event:
    try:
        return FILE_EVENT.validate_json(line)
    except ValidationError as error:
        return Garbled(line=line, reason=error.errors()[0]["msg"])
