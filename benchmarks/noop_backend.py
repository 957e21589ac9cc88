"""A backend whose jobs do nothing for as long as they say: for tests and figures of the queue, not of training.

A job's `argv` is `("noop",)` or `("noop", "0.25")`, the seconds that it takes. It ends as failed, since it leaves no
model, unless the backend is told to leave one.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from protocol.job import Job
from services.executor.backends.backend import Exit, Terms
from services.executor.inventory.machine import Machine
from services.executor.job.events import Event, Running

ONE_CPU = Machine(cpus=1, memory_gb=8)


class NoopBackend:
    """Runs no-op jobs inside the worker's own process."""

    name = "noop"
    sandboxed = True

    def __init__(self, machine: Machine = ONE_CPU, leaves_model: bool = False) -> None:
        self.machine, self.device, self.leaves_model = machine, machine.device, leaves_model
        self.started: list[tuple[Job, Terms]] = []

    async def open(self) -> None:
        return

    async def start(self, job: Job, terms: Terms) -> NoopHandle:
        self.started.append((job, terms))
        if self.leaves_model:
            _write_model(Path(job.folder) / job.spec.output)
        return NoopHandle(float(job.spec.argv[1]) if len(job.spec.argv) > 1 else 0.0)

    async def close(self) -> None:
        return


class NoopHandle:
    """A job that waits."""

    resumed_from = None

    def __init__(self, seconds: float) -> None:
        self._seconds, self._exit = seconds, Exit(code=0)
        self._stopped = asyncio.Event()

    async def events(self) -> AsyncIterator[Sequence[Event]]:
        yield [Running(pid=os.getpid(), at=time.monotonic())]
        if self._seconds:
            try:
                await asyncio.wait_for(self._stopped.wait(), self._seconds)
                self._exit = Exit(signal=15)
            except TimeoutError:
                return

    async def wait(self) -> Exit:
        return self._exit

    async def save(self) -> None:
        self._stopped.set()

    async def terminate(self) -> None:
        self._stopped.set()

    async def kill(self) -> None:
        self._stopped.set()


def _write_model(folder: Path) -> None:
    """Of four numbers. Raises `FileExistsError` where another worker has run the same job."""
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    header = json.dumps({"w": {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]}}).encode()
    (folder / "model.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + bytes(16))
