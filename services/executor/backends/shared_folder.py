"""Jobs on a cluster that shares a file system with its workers: what the Ray and the Slurm backend have in common.

A cluster places the job's supervisor (`job/main.py`) on one of its machines. Everything else goes through two folders
that both sides see: the job's own, in which it writes what it says, and that of `job/control.py` beside it.
"""

from __future__ import annotations

import asyncio
import logging
import math
import signal
import time
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from typing import Literal

from protocol.job import Job
from services.executor.backends.backend import BackendFailed, Exit, Terms
from services.executor.files.folder import JobFolder
from services.executor.files.said import Said
from services.executor.inventory.machine import Grant, Machine
from services.executor.job.control import Asked, Control, Ended, Request
from services.executor.job.events import Event, Running
from services.executor.lease import clock

log = logging.getLogger(__name__)
POLL = 0.05
"""Seconds between two looks at a job's files: half of what a figure may take to the bus is for the rest of the way."""
LOOK_SECONDS = 2.0
"""Between two questions to the cluster."""
GONE_POLL = 0.3
SETTLE_SECONDS = 10.0
"""After which what a job's supervisor wrote last is visible here, too."""
LOST_SECONDS = 60.0
"""A job is lost when neither its cluster nor its supervisor has said a word for so long."""
KILL_SECONDS = 5.0
"""Until the supervisor has killed its job; then the cluster is asked to stop both."""
STOP_SECONDS = 60.0
"""Until the cluster has stopped a job: Slurm waits 30 s between SIGTERM and SIGKILL."""
LEASE_MARGIN = 1.0
"""Seconds by which a lease ends earlier on the job's machine, which hears of it later."""
State = Literal["waiting", "running", "ended"]


class Cluster(ABC):
    """What places jobs on machines. Each call raises `BackendFailed` when it is not answered."""

    name: str

    @abstractmethod
    async def open(self) -> Machine:
        """Reach it; the kinds of device that it has."""

    @abstractmethod
    async def submit(self, job: Job, control: Control, grant: Grant) -> str:
        """Queue `python -m services.executor.job.main CONTROL` with what the job needs; the ticket."""

    @abstractmethod
    async def state(self, ticket: str) -> State:
        """Where it is; `ended` too when the cluster does not know it (any more)."""

    @abstractmethod
    async def stop(self, ticket: str) -> None:
        """Take it off the queue, or end it; returns at once. Nothing happens when it has ended."""

    @abstractmethod
    async def tickets(self, job: Job) -> list[str]:
        """Of earlier starts of this job that have not ended."""

    @abstractmethod
    async def log(self, ticket: str, control: Control) -> str:
        """What was printed before there was a supervisor; empty where nothing was."""


class SharedFolderBackend:
    """Starts jobs on a cluster."""

    def __init__(self, cluster: Cluster, *, sandboxed: bool = True, lost_seconds: float = LOST_SECONDS) -> None:
        self.cluster, self.name = cluster, cluster.name
        self.sandboxed, self.lost_seconds = sandboxed, lost_seconds
        self.machine = Machine(cpus=1, memory_gb=0.0, elastic=True, backend=self.name)
        self._jobs: set[ClusterHandle] = set()
        self._tidying: set[asyncio.Task[None]] = set()

    @property
    def device(self) -> str:
        return f"{self.machine.device} ({self.name})"

    async def open(self) -> None:
        self.machine = (await self.cluster.open()).model_copy(update={"backend": self.name})

    async def start(self, job: Job, terms: Terms) -> ClusterHandle:
        await self._end_earlier(job)
        folder, control = JobFolder(job), Control.beside(job)
        await asyncio.to_thread(_prepare, folder)
        handle = await asyncio.to_thread(ClusterHandle, self.cluster, folder, control, self.lost_seconds)
        seconds = max(0.0, terms.stop_at - time.monotonic())
        request = Request(job=job, seconds=seconds, cpus=terms.grant.cpus, sandboxed=self.sandboxed)
        try:
            await asyncio.to_thread(control.create, request, handle.asked_for(terms.lease_until()))
            handle.began(await self._submit(job, control, terms))
        except BaseException:
            await asyncio.to_thread(control.remove)
            raise
        self._jobs.add(handle)
        tidying = asyncio.create_task(self._tidy(handle))
        self._tidying.add(tidying)
        tidying.add_done_callback(self._tidying.discard)
        return handle

    async def close(self) -> None:
        await asyncio.gather(*(handle.kill() for handle in tuple(self._jobs)))
        await asyncio.gather(*self._tidying)

    async def _submit(self, job: Job, control: Control, terms: Terms) -> str:
        submitting = asyncio.create_task(self.cluster.submit(job, control, terms.grant))
        try:
            return await asyncio.shield(submitting)
        except asyncio.CancelledError:
            with suppress(BackendFailed):  # else the next start of this job stops it
                await _stop(self.cluster, await submitting)
            raise

    async def _end_earlier(self, job: Job) -> None:
        """A worker that died may have left the job on the cluster: two of it must not share a folder."""
        for ticket in await self.cluster.tickets(job):
            log.warning("job %s still runs on %s for another worker: stopped", job.id, self.name)
            await _stop(self.cluster, ticket)
        for control in await asyncio.to_thread(Control.left, job):
            await asyncio.to_thread(control.remove)

    async def _tidy(self, handle: ClusterHandle) -> None:
        """When the job is over, and nothing of it left that writes, remove what it needed beside its folder."""
        await asyncio.wait({handle.over})
        self._jobs.discard(handle)
        try:
            if handle.over.exception() is not None:  # lost, it must not come back
                await self.cluster.stop(handle.ticket)
            await _until_gone(self.cluster, handle.ticket)
        except BackendFailed as error:
            log.warning("%s", error)
        await asyncio.to_thread(handle.control.remove)


class ClusterHandle:
    """One job on the cluster."""

    over: asyncio.Task[Exit]

    def __init__(self, cluster: Cluster, folder: JobFolder, control: Control, lost_seconds: float) -> None:
        """Made before the start, so that it reads on from where the files end now."""
        self.cluster, self.folder, self.control, self.lost_seconds = cluster, folder, control, lost_seconds
        checkpoints = folder.checkpoints()
        self.resumed_from = str(checkpoints[-1]) if checkpoints else None
        self._said = Said(folder)
        self._asked = Asked()
        self.ticket = ""

    def began(self, ticket: str) -> None:
        """The cluster has it."""
        self.ticket = ticket
        self.over = asyncio.create_task(self._follow())

    def asked_for(self, until: float) -> Asked:
        """What is asked so far, under a lease until then."""
        lease = None if math.isinf(until) else max(0.0, until - clock() - LEASE_MARGIN)
        self._asked = self._asked.model_copy(update={"lease": lease, "number": self._asked.number + 1})
        return self._asked

    async def events(self) -> AsyncIterator[Sequence[Event]]:
        while True:
            ended = self.over.done()  # asked before reading: what it said last is read then
            said = [_here(event) for event in await asyncio.to_thread(self._said.new, ended)]
            if said:
                yield said
            elif ended:
                return
            if not ended:
                await asyncio.sleep(POLL)

    async def wait(self) -> Exit:
        return await asyncio.shield(self.over)

    async def renew(self, until: float) -> None:
        await self._tell(self.asked_for(until))

    async def save(self) -> None:
        self._asked = self._asked.model_copy(update={"save": True})
        await self._tell(self._asked)

    async def terminate(self) -> None:
        self._asked = self._asked.model_copy(update={"terminate": True})
        await self._tell(self._asked)

    async def kill(self) -> None:
        if self.over.done():
            return
        self._asked = self._asked.model_copy(update={"kill": True})
        await self._tell(self._asked)
        if await asyncio.to_thread(self.control.beats):
            await asyncio.wait({self.over}, timeout=KILL_SECONDS)
        if not self.over.done():  # it waits in the queue, or its machine does not hear us
            with suppress(BackendFailed):
                await self.cluster.stop(self.ticket)
            await asyncio.wait({self.over}, timeout=STOP_SECONDS)

    async def _tell(self, asked: Asked) -> None:
        if not self.over.done():
            with suppress(FileNotFoundError):  # it ends at this moment
                await asyncio.to_thread(self.control.ask, asked)

    async def _follow(self) -> Exit:
        """Until it has ended; how. Raises `BackendFailed`."""
        ended = await self._end()
        if ended is None and self._asked.kill:
            return Exit(signal=signal.SIGKILL)
        if ended is None:
            told = (await self.cluster.log(self.ticket, self.control)).strip().splitlines()
            raise BackendFailed(f"{self.cluster.name} ended job {self.ticket} without a word of it" + _quoted(told))
        if ended.failed is not None:
            raise BackendFailed(f"{self.cluster.name} could not start the job: {ended.failed}")
        return Exit(code=ended.code, signal=ended.signal, limit=ended.limit)

    async def _end(self) -> Ended | None:
        """What its supervisor noted at its end; None when the cluster ended it without. Raises `BackendFailed`."""
        alive = look_at = time.monotonic()
        beats, silence = 0, "no sign of life"
        while True:
            ended, beat = await asyncio.to_thread(lambda: (self.control.ended(), self.control.beats()))
            if ended is not None:
                return ended
            if beat != beats:
                beats, alive = beat, time.monotonic()
            if time.monotonic() >= look_at:
                try:
                    state = await self.cluster.state(self.ticket)
                except BackendFailed as error:
                    silence = str(error)
                else:
                    if state == "ended":
                        return await self._last_word()
                    if state == "waiting" or not beats:  # nobody is there yet who could give one
                        alive = time.monotonic()
                look_at = time.monotonic() + LOOK_SECONDS
            if time.monotonic() - alive > self.lost_seconds:
                raise BackendFailed(f"{self.cluster.name} has lost job {self.ticket}: {silence}")
            await asyncio.sleep(POLL)

    async def _last_word(self) -> Ended | None:
        """The cluster says that it has ended: what its supervisor wrote may still be on its way."""
        if not self._asked.kill:
            deadline = time.monotonic() + SETTLE_SECONDS
            while time.monotonic() < deadline:
                ended = await asyncio.to_thread(self.control.ended)
                if ended is not None:
                    return ended
                await asyncio.sleep(POLL)
        return await asyncio.to_thread(self.control.ended)


def _prepare(folder: JobFolder) -> None:
    folder.prepare()
    folder.set_torn_checkpoints_aside()


def _here(event: Event) -> Event:
    """With our clock in place of that of the job's machine."""
    return event.model_copy(update={"at": time.monotonic()}) if isinstance(event, Running) else event


def _quoted(lines: list[str]) -> str:
    return f" ({lines[-1][:300]})" if lines else ""


async def _stop(cluster: Cluster, ticket: str) -> None:
    """Stop it, and wait until it is gone. Raises `BackendFailed`."""
    await cluster.stop(ticket)
    await _until_gone(cluster, ticket)


async def _until_gone(cluster: Cluster, ticket: str) -> None:
    """Raises `BackendFailed`."""
    deadline = time.monotonic() + STOP_SECONDS
    while await cluster.state(ticket) != "ended":
        if time.monotonic() > deadline:
            raise BackendFailed(f"{cluster.name} has not ended job {ticket} within {STOP_SECONDS:.0f} s")
        await asyncio.sleep(GONE_POLL)
