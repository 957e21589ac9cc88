"""Two workers that are killed and replaced, and what a job of theirs has done by the lines it wrote itself."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import signal
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from executor_harness import WorkerProcess, living, until

from protocol.job import Job
from services.bus_server import Connection
from services.executor.job.events import FILE_EVENT, FileEvent, Metric, TrainBegan, TrainEnded

SCRIPT = (Path(__file__).parent / "deterministic_sft.py").read_text()


class Pair:
    """Two workers with two slots each, so that a job has one thread; one that is killed is replaced."""

    def __init__(self, connection: Connection) -> None:
        self._connection, self._numbers = connection, itertools.count()
        self.workers: dict[str, WorkerProcess] = {}
        self._add()
        self._add()

    def _add(self) -> None:
        name = f"w{next(self._numbers)}"
        self.workers[name] = WorkerProcess(self._connection, name)

    async def kill(self, name: str) -> None:
        """`kill -9`, and see that its whole family dies of it; another one begins."""
        victim = self.workers.pop(name)
        family = victim.family()
        victim.process.send_signal(signal.SIGKILL)
        await asyncio.to_thread(victim.process.wait, 10)
        await until(lambda: not living(family), 10)
        self._add()

    def stop(self) -> None:
        for worker in self.workers.values():
            worker.stop()


@dataclass(frozen=True)
class Trained:
    """What a job's `events.jsonl` says: all of its deliveries, one after the other."""

    losses: tuple[tuple[int, float], ...]
    """(step, loss) of each step that was made."""
    began_at: tuple[int, ...]
    """Step at which each training began."""
    ends: int
    """Trainings that came to their end."""

    @classmethod
    def of(cls, job: Job) -> Trained:
        events = _events(Path(job.folder) / "events.jsonl")
        logs = [event for event in events if isinstance(event, Metric) and "loss" in event.values]
        return cls(
            losses=tuple((log.step, log.values["loss"]) for log in logs),
            began_at=tuple(event.step for event in events if isinstance(event, TrainBegan)),
            ends=sum(isinstance(event, TrainEnded) for event in events),
        )

    @property
    def last_step(self) -> int:
        return self.losses[-1][0] if self.losses else 0

    @property
    def repeated(self) -> int:
        """Steps that were made once more."""
        return sum(count - 1 for count in Counter(step for step, _ in self.losses).values())


async def reached(job: Job, step: int, seconds: float = 60.0) -> None:
    """Wait until the job has made so many steps."""
    async with asyncio.timeout(seconds):
        while Trained.of(job).last_step < step:  # noqa: ASYNC110, another process writes it
            await asyncio.sleep(0.005)


def _events(path: Path) -> list[FileEvent]:
    events = []
    for line in path.read_text(errors="replace").splitlines() if path.exists() else ():
        with contextlib.suppress(ValueError):  # a line that a kill has torn
            events.append(FILE_EVENT.validate_json(line))
    return events
