"""Hostile jobs under a real worker: submitted to a real bus, run in its sandbox, judged by what they say and leave."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Awaitable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import psutil
from executor_harness import CrewRun, WorkerProcess, until
from hostile_house import HOSTILE, SIGN, House, Services, canary, secrets_of_the_machine, sentinel, verdicts

from protocol.bus import Bus
from protocol.envelope import Envelope, wrap
from protocol.job import Job, JobCancelled, JobFailed, JobFinished, JobSpec, JobStarted
from protocol.message import message_id
from protocol.queue import submit
from services.bus_server import BusServer, Connection

Result = TypeVar("Result")
PATIENCE = 60.0
NEIGHBOUR = """
import sys, time
from pathlib import Path
secret = Path("secret.txt").read_text() + " held in memory"
Path("ready").touch()
while not Path("stop").exists():
    time.sleep(0.1)
print(len(secret))
"""


@dataclass
class Tried:
    """A hostile job that has ended."""

    job: Job
    end: JobFinished | JobFailed | JobCancelled
    said: list[Envelope]
    seconds: float

    @property
    def folder(self) -> Path:
        return Path(self.job.folder)

    @property
    def verdicts(self) -> dict[str, dict[str, Any]]:
        return verdicts(self.folder)

    @property
    def journaled(self) -> str:
        """All that came of it into the journal, the job itself left out."""
        return "\n".join(e.model_dump_json() for e in self.said if e.data.type != "job")


@dataclass
class Prison:
    """A worker, its neighbours, and the house around them."""

    house: House
    services: Services
    connection: Connection
    worker: WorkerProcess
    run: CrewRun
    runner: asyncio.Runner
    victims: dict[str, int] = field(default_factory=dict)
    """Name → process id."""
    _tried: dict[str, Tried] = field(default_factory=dict)

    def once(self, script: str, only: tuple[str, ...] = ()) -> Tried:
        """The job of this script, whose attempts (all, or `only` these) are one test case each; run for the first that
        asks."""
        if script not in self._tried:
            self._tried[script] = self.do(self.try_out(script, only))
        return self._tried[script]

    def do(self, work: Awaitable[Result]) -> Result:
        async def all_of_it() -> Result:
            return await work

        return self.runner.run(all_of_it())

    async def try_out(self, script: str, only: tuple[str, ...]) -> Tried:
        """Run a script of the folder `hostile`, until it has ended."""
        hosts = ("granted.invalid",) if script == "granted" else ()
        return await self.ended(await self.submit(script, id=script, only=only, hosts=hosts))

    async def submit(self, script: str, *argv: str, id: str, **more: Any) -> Job:
        return await self.submit_text((HOSTILE / f"{script}.py").read_text(), *argv, id=id, **more)

    async def submit_text(self, text: str, *argv: str, id: str, **more: Any) -> Job:
        """`more`: fields of the job's specification; `queue` and `folder` of the job; `only` these attempts."""
        targets = self.house.targets(pids=list(self.victims.values()), only=more.pop("only", ()))
        targets |= self.services.targets(self.connection)
        targets["other_job"] += [str(self.house.run / "jobs" / "neighbour" / "secret.txt")]
        files = {
            "hostile.py": text,
            "probing.py": (HOSTILE / "probing.py").read_text(),
            "targets.json": json.dumps(targets),
        }
        job = {name: more.pop(name) for name in ("queue", "folder") if name in more}
        made = {"files": files, "argv": ("hostile.py", *argv), "seconds": 60.0, "reads": self.house.reads} | more
        return await self._submit(id, JobSpec(**made), **job)

    async def _submit(self, id: str, spec: JobSpec, **more: Any) -> Job:
        name = self.run.name
        about = {"folder": str(self.house.run / "jobs" / id)} | more
        job = Job(id=message_id(name, id), run=name, experiment=id, spec=spec, **about)
        assert await submit(self.run.bus, wrap(job, run=name, sender="experimentalist", recipient="worker"))
        return job

    async def ended(self, job: Job) -> Tried:
        began = time.monotonic()
        end = await self.run.end(job, PATIENCE)
        said = [e for _, e in await self.run.said() if getattr(e.data, "job", None) == job.id]
        return Tried(job, end, said, time.monotonic() - began)

    async def wait_for(self, job: Job, name: str) -> None:
        """Until there is a file of this name in the job's folder."""
        await until((Path(job.folder) / name).exists, PATIENCE)

    async def move_in(self) -> None:
        """The neighbour: another job of the same worker, with a secret in its memory and its folder."""
        spec = JobSpec(
            files={"idle.py": NEIGHBOUR, "secret.txt": canary("NEIGHBOUR")}, argv=("idle.py",), seconds=900.0
        )
        job = await self._submit("neighbour", spec)
        await self.run.wait(job, JobStarted, seconds=PATIENCE)
        await self.wait_for(job, "ready")
        family = self.worker.family()
        for number, process in enumerate(family):
            self.victims[f"{' '.join(process.cmdline()[1:3])} ({number})"] = process.pid

    def dead(self) -> list[str]:
        """The victims that do not live any more."""
        return [name for name, pid in self.victims.items() if not psutil.pid_exists(pid)]


@contextlib.contextmanager
def prison(*more: str, sandboxed: bool = True) -> Iterator[Prison]:
    """All of it, started, the worker with `more` arguments; and taken down again."""
    # not in pytest's folder, whose modes would do the sandbox's work; nor in /tmp, of which each job has one of its own
    root = Path(tempfile.mkdtemp(prefix="house-", dir="/var/tmp"))
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, root, ignore_errors=True)
        house = House(root)
        runner = stack.enter_context(asyncio.Runner())
        server = BusServer(root / "bus")
        runner.run(server.start())
        stack.callback(lambda: runner.run(server.stop()))
        stack.enter_context(secrets_of_the_machine())
        services = stack.enter_context(Services(root).listening())
        other = stack.enter_context(sentinel())
        bus: Bus = runner.run(server.connection.connect("test"))
        stack.callback(lambda: runner.run(bus.close()))
        run = CrewRun(bus, "jobs", house.run)
        runner.run(run.journal.create())
        with _environment(house.environment() | {"POSTDOCS_WORKER_SANDBOX": str(sandboxed)}):
            worker = WorkerProcess(server.connection, "hostile", *more, slots=3)
        stack.callback(worker.stop)
        made = Prison(house, services, server.connection, worker, run, runner)
        made.victims = {"worker": worker.process.pid, SIGN: other.pid, "nats-server": server.connection.pid or 0}
        made.do(made.move_in())
        yield made


@contextlib.contextmanager
def _environment(more: dict[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.update(more)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
