"""A job that was started on a backend, with all that it has said so far. What the contract's tests are written with."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import psutil

from protocol.job import Job, JobSpec
from services.executor.backends.backend import Backend, Exit, Handle, Terms
from services.executor.inventory.machine import Gpu, Grant
from services.executor.job.events import Event, Printed

SCRIPTS = Path(__file__).parents[1] / "scripts"
FOREVER = ("--steps", "100000", "--pause", "0.05")
END_SECONDS = 120.0
"""After which a test gives up: cold starts on a busy machine, not a bound that anything is held to."""
Said = TypeVar("Said", bound=Event)


def make_job(
    folder: Path, *argv: str, script: str | None = None, files: dict[str, str] | None = None, **spec: Any
) -> Job:
    """A job of a script of these tests, or of `script`'s text, in a folder of its own below `folder`."""
    text = script if script is not None else (SCRIPTS / argv[0]).read_text()
    id = f"j{uuid.uuid4().hex[:12]}"
    return Job(
        id=id,
        run="contract",
        experiment=id,
        folder=str(folder / id),
        spec=JobSpec(files={argv[0]: text} | (files or {}), argv=argv, **({"seconds": 300.0} | spec)),
    )


class WatchedJob:
    """A job that runs, and the events that have come."""

    def __init__(self, job: Job, handle: Handle) -> None:
        self.job, self.handle = job, handle
        self.said: list[Event] = []
        self._listening = asyncio.create_task(self._listen())

    @classmethod
    async def start(
        cls, backend: Backend, job: Job, seconds: float | None = None, gpus: tuple[Gpu, ...] = ()
    ) -> WatchedJob:
        now = time.monotonic()
        terms = Terms(
            taken_up=now,
            stop_at=now + (job.spec.seconds if seconds is None else seconds),
            grant=Grant(cpus=1, gpus=gpus),
        )
        return cls(job, await backend.start(job, terms))

    async def _listen(self) -> None:
        async for said in self.handle.events():
            self.said.extend(said)

    def all(self, kind: type[Said]) -> list[Said]:
        return [event for event in self.said if isinstance(event, kind)]

    @property
    def lines(self) -> list[str]:
        return [line for event in self.all(Printed) for line in event.lines]

    async def until(self, condition: Callable[[], object]) -> None:
        """Wait until it holds; fails when the job ends without."""
        deadline = time.monotonic() + END_SECONDS
        while not condition():
            assert not self._listening.done(), f"it ended: {self.lines[-20:]}"
            assert time.monotonic() < deadline, f"it did not come true; {self.said[-5:]}"
            await asyncio.sleep(0.02)

    async def end(self, seconds: float = END_SECONDS) -> Exit:
        """How it ended, when all is told."""
        async with asyncio.timeout(seconds):
            await asyncio.shield(self._listening)
            return await self.handle.wait()

    async def stop(self) -> None:
        """Kill it; for the end of a test."""
        await self.handle.kill()
        await asyncio.wait({self._listening}, timeout=END_SECONDS)
        self._listening.cancel()


def family_script(marker: str) -> str:
    """A script that starts three processes that would like to outlive it, and sleeps; all have `marker` in their
    arguments."""
    sleep = f"import time; time.sleep(600)  # {marker}"
    daemon = f"import os, time; os.fork() and os._exit(0); os.setsid(); time.sleep(600)  # {marker}"
    return (
        "import subprocess, sys, time\n"
        f"subprocess.Popen([sys.executable, '-c', {sleep!r}])\n"
        f"subprocess.Popen([sys.executable, '-c', {sleep!r}], start_new_session=True)\n"
        f"subprocess.Popen([sys.executable, '-c', {daemon!r}]).wait()\n"
        "print('started', flush=True)\n"
        "time.sleep(600 if '--stay' in sys.argv else 0)\n"
    )


def marked(marker: str) -> list[int]:
    """The processes of this machine that have `marker` in their arguments."""
    found = []
    for process in psutil.process_iter(["cmdline", "status"]):
        words = process.info["cmdline"] or []
        if process.info["status"] != psutil.STATUS_ZOMBIE and any(marker in word for word in words):
            found.append(process.pid)
    return found


async def none_marked(marker: str, seconds: float) -> None:
    """Wait until there is no such process."""
    deadline = time.monotonic() + seconds
    while left := marked(marker):
        assert time.monotonic() < deadline, f"still running after {seconds} s: {left}"
        await asyncio.sleep(0.05)
