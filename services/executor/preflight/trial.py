"""One process in a sandbox, on this machine's CPU, from its start to its end: a trial, or a look at a signature.

It is a job like any other to the local backend, but for what it is granted: one CPU, a lower priority, little time.
It takes no slot: a mind waits for it, and what runs in the slots goes before it.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from protocol.job import Job, JobEnd, JobSpec
from services.executor.backends.backend import Backend, Handle, Terms
from services.executor.files.folder import JobFolder
from services.executor.files.untrusted import open_plain
from services.executor.inventory.machine import Grant
from services.executor.job.events import Event
from services.executor.outcome import Killed, Record, outcome
from services.executor.warm.leases import lock_file

SECONDS = 120.0
"""For all of it; training is stopped, and saved, …"""
TRAINING_SHARE = 0.7
"""… after this share."""
NICE = 10
MOST_BYTES = 1 << 18
"""Of a file that is read from its folder."""


@dataclass(frozen=True)
class Ended:
    """How it has ended, and what it said last."""

    end: JobEnd
    printed: Sequence[str]
    steps: int


def on_the_cpu(spec: JobSpec, **changes: object) -> JobSpec:
    """The same job, as one process without a GPU."""
    needs = spec.needs.model_copy(update={"gpus": 0, "kind": None, "min_memory_gb": None, "backend": None})
    return spec.model_copy(update={"needs": needs, "launch": "python", **changes})


async def carry_out(backend: Backend, job: Job, steps: int | None = None, seconds: float | None = None) -> Ended:
    """Start it in a fresh folder and see it through, for `seconds` at most, or `SECONDS`.

    Raises `BackendFailed`, `JobRefused`, `BadJobFolder`.
    """
    folder, record, limit = JobFolder(job), Record(), seconds or SECONDS
    await _clear(folder.root)
    now = time.monotonic()
    until = now + TRAINING_SHARE * limit
    terms = Terms(taken_up=now, stop_at=until, grant=Grant(cpus=1), steps=steps, nice=NICE)
    handle = await backend.start(job, terms)
    begun, stopped = time.monotonic(), None
    try:
        try:
            async with asyncio.timeout(limit):
                await _listen(handle, record)
        except TimeoutError:
            stopped = Killed(f"it was not done after {limit:.0f} s on the CPU, with {record.steps} training steps")
            await handle.kill()
        exit = await handle.wait()
    finally:
        await handle.kill()
    took = time.monotonic() - begun
    about = {"job": job.id, "experiment": job.experiment, "at": time.time()}
    end = await asyncio.to_thread(outcome, exit, record, stopped, folder, took, about)
    return Ended(end, tuple(record.last_lines), record.steps)


async def _listen(handle: Handle, record: Record) -> None:
    async for said in handle.events():
        _note(record, said)


def _note(record: Record, said: Sequence[Event]) -> None:
    for event in said:
        record.note(event)


def read(folder: Path, name: str) -> bytes | None:
    """A file that the trial has left; None where it has not, or is larger than what is asked for."""
    try:
        descriptor = open_plain(folder / name)
    except OSError:
        return None
    with os.fdopen(descriptor, "rb") as file:
        data = file.read(MOST_BYTES + 1)
    return data if len(data) <= MOST_BYTES else None


async def remove(folder: Path) -> None:
    """The folder of a trial that has ended, with its lock."""
    await _clear(folder)
    lock_file(folder).unlink(missing_ok=True)


async def _clear(folder: Path) -> None:
    """Nothing of it is left; no link in it is followed."""
    if folder.is_symlink():
        folder.unlink()
    await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
