"""Runs a script that fails as a real job, forked by a real zygote, and hands back how its failure is told."""

from __future__ import annotations

import asyncio
import contextlib
import time
from pathlib import Path
from typing import Any

from protocol.job import Category, Job, JobFailed, JobSpec
from services.executor.backends.backend import Terms
from services.executor.backends.local import LocalBackend, LocalHandle
from services.executor.files.folder import JobFolder
from services.executor.inventory.machine import Grant
from services.executor.outcome import Killed, Record, outcome
from services.executor.watch.alarm import Alarm, Tick
from services.executor.watch.thresholds import Thresholds
from services.executor.watch.watch import Watch

TINY = (Path(__file__).parent / "tiny.py").read_text()


class Provoker:
    """One open backend for many failures."""

    def __init__(self, runner: asyncio.Runner, backend: LocalBackend) -> None:
        self.runner, self.backend = runner, backend
        self.alarms: list[Alarm] = []
        """Of the last job."""

    def fail(self, folder: Path, script: str, *arguments: str, **more: Any) -> JobFailed:
        """Run it to its end, which must be a failure. `files`, `thresholds`, and fields of `JobSpec`."""
        return self.runner.run(self._fail(folder, script, arguments, **more))

    async def _fail(
        self,
        folder: Path,
        script: str,
        arguments: tuple[str, ...],
        files: dict[str, str] | None = None,
        thresholds: Thresholds | None = None,
        **spec: Any,
    ) -> JobFailed:
        texts = {"script.py": script, "tiny.py": TINY} | (files or {})
        made = JobSpec(files=texts, argv=("script.py", *arguments), **({"seconds": 60.0, "grace": 60.0} | spec))
        job = Job(id=folder.name, run="r", experiment="e", folder=str(folder / "job"), spec=made)
        begun = time.monotonic()
        grant = Grant(gpus=self.backend.machine.gpus[: made.needs.gpus])
        terms = Terms(taken_up=begun, stop_at=begun + made.seconds, grant=grant)
        handle = await self.backend.start(job, terms)
        watched = _Watched(handle, Watch.of(thresholds or Thresholds()))
        ticking = asyncio.create_task(watched.tick(made.seconds + made.grace))
        try:
            async for said in handle.events():
                for event in said:
                    watched.record.note(event)
                    await watched.judge(event)
            exit = await handle.wait()
        finally:
            ticking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await ticking
            await handle.kill()
        self.alarms = watched.alarms
        about = {"job": job.id, "experiment": "e", "at": 0.0}
        end = outcome(exit, watched.record, watched.stopped, JobFolder(job), time.monotonic() - begun, about)
        assert isinstance(end, JobFailed), end
        return end


class _Watched:
    """As an attempt does it, without a bus."""

    def __init__(self, handle: LocalHandle, watch: Watch) -> None:
        self.handle, self.watch, self.record = handle, watch, Record()
        self.alarms: list[Alarm] = []
        self.stopped: Killed | None = None

    async def judge(self, seen: Any) -> None:
        self.watch, alarms = self.watch.see(seen, time.monotonic())
        for alarm in alarms:
            if self.stopped is not None:
                return
            self.alarms.append(alarm)
            if alarm.kill:
                self.stopped = Killed(alarm.rule, alarm.evidence, alarm.rule)
                await self.handle.kill()

    async def tick(self, limit: float) -> None:
        end = time.monotonic() + limit
        while True:
            await asyncio.sleep(0.2)
            usage = await self.handle.usage()
            self.record.use(usage)
            await self.judge(Tick(usage))
            if time.monotonic() > end and self.stopped is None:
                self.stopped = Killed(f"time limit {limit:g} s exceeded")
                await self.handle.kill()


def named(failure: JobFailed, category: Category, quoted: str) -> None:
    """The failure has this category, and a line of its evidence, which stands so in the log, holds these words."""
    shown = f"{failure.cause}\n{failure.reason}\n" + "\n".join(failure.evidence)
    assert failure.cause.category == category, shown
    assert any(quoted in line for line in failure.cause.evidence), shown
