"""What the tests of the executor are written with: a worker process, and a run that submits jobs and listens."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, TypeVar

import psutil

from protocol.bus import Bus
from protocol.envelope import Envelope, wrap
from protocol.job import CancelJob, Job, JobCancelled, JobEvent, JobFailed, JobFinished, JobSpec
from protocol.journal import Journal
from protocol.lane import lane_of
from protocol.message import message_id
from protocol.queue import cancel, submit
from services.bus_server import Connection
from services.executor.backends.local import LocalBackend
from services.executor.delivery import Delivery
from services.executor.queue import JobQueue
from services.executor.warm.pool import WarmPool

SCRIPTS = Path(__file__).parent / "scripts"
ENDS = (JobFinished, JobFailed, JobCancelled)
Event = TypeVar("Event", bound=JobEvent)


BARE = ("--preload", "none")
"""For a worker whose jobs train nothing: its zygote is there at once."""


def bare_backend(sandboxed: bool = True) -> LocalBackend:
    """For jobs that train nothing, as a worker has it that is started with `BARE`."""
    return LocalBackend(pool=WarmPool(sandboxed=sandboxed, modules=()), sandboxed=sandboxed)


class WorkerProcess:
    """`python -m services.executor` as a child of the tests."""

    def __init__(self, connection: Connection, name: str, *more: str, slots: int = 2, queue: str = "default") -> None:
        environment = os.environ | {"POSTDOCS_BUS_URL": connection.url, "POSTDOCS_BUS_TOKEN": connection.token or ""}
        arguments = ["--queue", queue, "--slots", str(slots), "--name", name, *more]
        self.process = subprocess.Popen([sys.executable, "-m", "services.executor", *arguments], env=environment)

    def family(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)

    def stop(self, number: int = signal.SIGTERM) -> None:
        """Signal it and see that nothing of it is left."""
        family = self.family()
        self.process.send_signal(number)
        self.process.wait(timeout=20)
        psutil.wait_procs(family, timeout=5)
        assert [process.cmdline() for process in living(family)] == []


class CrewRun:
    """A run with a journal: submits jobs, hears what they say."""

    def __init__(self, bus: Bus, name: str, folder: Path) -> None:
        self.bus, self.name, self.folder = bus, name, folder
        self.journal = Journal(bus, name)

    def job(
        self,
        argv: tuple[str, ...],
        *,
        id: str,
        script: str | None = None,
        queue: str = "default",
        deadline: float | None = None,
        **spec: Any,
    ) -> Envelope:
        """A job of a script of these tests, or of `script`'s text."""
        text = script if script is not None else (SCRIPTS / argv[0]).read_text()
        job = Job(
            id=message_id(self.name, id),
            run=self.name,
            experiment=id,
            queue=queue,
            deadline=deadline,
            folder=str(self.folder / self.name / id),
            spec=JobSpec(files={argv[0]: text}, argv=argv, **({"seconds": 60.0} | spec)),
        )
        return wrap(job, run=self.name, sender="experimentalist", recipient="worker")

    async def submit(self, *argv: str, id: str, script: str | None = None, **spec: Any) -> Job:
        envelope = self.job(argv, id=id, script=script, **spec)
        assert await submit(self.bus, envelope)
        assert isinstance(envelope.data, Job)
        return envelope.data

    async def cancel(self, job: Job, *, save: bool = False) -> None:
        request = CancelJob(job=job.id, experiment=job.experiment, reason="asked", save=save)
        await cancel(self.bus, request, run=self.name, sender="experimentalist")

    async def wait(self, job: Job, *kinds: type[Event], seconds: float = 40.0, nth: int = 1) -> Event:
        """The job's first, or `nth`, event of these kinds."""
        try:
            async with asyncio.timeout(seconds):
                async for _, envelope in self.journal.follow():
                    if isinstance(envelope.data, kinds) and envelope.data.job == job.id:
                        nth -= 1
                        if nth == 0:
                            return envelope.data
        except TimeoutError:
            said = [e.data.headline() for _, e in await self.said()]
            raise AssertionError(f"no {kinds} within {seconds} s; said: {said[-20:]}") from None
        raise AssertionError("the journal ended")

    async def end(self, job: Job, seconds: float = 40.0) -> JobFinished | JobFailed | JobCancelled:
        return await self.wait(job, *ENDS, seconds=seconds)

    async def said(self) -> list[tuple[int, Envelope]]:
        return [item async for item in self.journal.replay()]

    async def events(self, job: Job, kind: type[Event]) -> list[Event]:
        return [e.data for _, e in await self.said() if isinstance(e.data, kind) and e.data.job == job.id]


async def taken(queue: JobQueue, job: Job, seconds: float = 5.0) -> Delivery:
    """The job, from its queue."""
    deadline = time.monotonic() + seconds
    while (delivery := await queue.take(lane_of(job))) is None:
        assert time.monotonic() < deadline, f"{job.id} is not in the queue"
        await asyncio.sleep(0.05)
    assert delivery.job.id == job.id
    return delivery


def living(processes: list[psutil.Process]) -> list[psutil.Process]:
    """Those that still run; a zombie waits for init to take note of its end."""

    def lives(process: psutil.Process) -> bool:
        try:
            return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return False

    return [process for process in processes if lives(process)]


async def until(condition: Any, seconds: float = 5.0) -> None:
    """Wait for a synchronous condition."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come true"
        await asyncio.sleep(0.02)
