"""What the measurements share: a run with its journal, workers as processes, percentiles."""

from __future__ import annotations

import asyncio
import math
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import psutil

from protocol.bus import Bus
from protocol.envelope import Envelope, wrap
from protocol.job import Job, JobEvent, JobSpec
from protocol.journal import Journal
from protocol.queue import submit
from services.bus_server import Connection
from services.child import die_with_parent

ROOT = Path(__file__).parents[2]
SCRIPTS = Path(__file__).parent / "scripts"
QUEUE = "bench"
PATIENCE = 180.0
"""Seconds after which something has gone wrong."""
Event = TypeVar("Event", bound=JobEvent)


def progress(told: str) -> None:
    print(told, file=sys.stderr, flush=True)


def percentile(values: Iterable[float], share: float) -> float:
    """By nearest rank: the smallest value that `share` of all do not exceed."""
    ordered = sorted(values)
    return ordered[math.ceil(share * len(ordered)) - 1]


@dataclass
class Bench:
    """A run that submits jobs and hears what they say."""

    bus: Bus
    run: str
    folder: Path

    @classmethod
    async def open(cls, connection: Connection, folder: Path, run: str = "bench") -> Bench:
        made = cls(await connection.connect("bench"), run, folder)
        await made.journal.create()
        return made

    @property
    def journal(self) -> Journal:
        return Journal(self.bus, self.run)

    def job(self, id: str, script: str, *arguments: str, queue: str = QUEUE, **spec: Any) -> Envelope:
        files = {script: (SCRIPTS / script).read_text()}
        job = Job(
            id=f"{self.run}-{id}",
            run=self.run,
            experiment=id,
            queue=queue,
            folder=str(self.folder / self.run / id),
            spec=JobSpec(files=files, argv=(script, *arguments), **({"seconds": 600.0} | spec)),
        )
        return wrap(job, run=self.run, sender="experimentalist", recipient="worker", id=f"{self.run}-{id}")

    async def submit(self, id: str, script: str, *arguments: str, **spec: Any) -> Job:
        envelope = self.job(id, script, *arguments, **spec)
        assert await submit(self.bus, envelope)
        assert isinstance(envelope.data, Job)
        return envelope.data

    async def wait(self, job: Job, *kinds: type[Event]) -> Event:
        """The job's first event of these kinds."""
        async with asyncio.timeout(PATIENCE):
            async for _, envelope in self.journal.follow():
                if isinstance(envelope.data, kinds) and envelope.data.job == job.id:
                    return envelope.data
        raise AssertionError("the journal ended")


@asynccontextmanager
async def worker(connection: Connection, module: str, name: str, *, slots: int) -> AsyncIterator[psutil.Process]:
    """A worker as a process of its own, ready to take jobs."""
    environment = os.environ | {"POSTDOCS_BUS_URL": connection.url, "POSTDOCS_BUS_TOKEN": connection.token or ""}
    command = [sys.executable, "-m", module, "--queue", QUEUE, "--slots", str(slots), "--name", name]
    process = subprocess.Popen(  # noqa: ASYNC220, at once
        command, env=environment, stdout=sys.stderr, cwd=ROOT, preexec_fn=die_with_parent()
    )
    try:
        yield psutil.Process(process.pid)
    finally:
        process.terminate()
        await asyncio.to_thread(process.wait, 30)
