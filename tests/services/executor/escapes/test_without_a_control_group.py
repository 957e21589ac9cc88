"""A job that takes more memory than it may is stopped where the kernel does not count it, and it hides what it has."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path

import pytest
from executor_harness import CrewRun, bare_backend, taken
from hostile_house import HOSTILE

from protocol.job import JobFailed, Needs
from services.executor.attempt import Attempt
from services.executor.queue import JobQueue
from services.executor.sandbox.cgroup import Group

ATTEMPTS = {
    "memory_under_a_name_that_is_no_text": "memory limit 1 GB exceeded",
    "memory_under_a_name_like_a_line": "memory limit 1 GB exceeded",
    "memory_in_flight": "it hides open files",
    "memory_out_of_sight": "memory limit 1 GB exceeded" if os.geteuid() == 0 else "it hides its open files",
}
"""Name → why it ends; a worker that is root sees more."""
MOST_MB = 4000


async def test_memory_does_not_fill(run: CrewRun, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Group, "make", lambda memory_gb: None)
    queue, backend = JobQueue(run.bus, "groupless"), bare_backend()
    await asyncio.gather(queue.open(), backend.open())
    script = (HOSTILE / "exhausting.py").read_text()
    try:
        for name, why in ATTEMPTS.items():
            needs = Needs(memory_gb=1.0)
            job = await run.submit("a.py", name, id=name, queue="groupless", script=script, needs=needs, seconds=30.0)
            await Attempt(await taken(queue, job), backend, "ada").run()
            end = await run.end(job)
            assert isinstance(end, JobFailed) and why in end.reason, (name, end)
            reached = (Path(job.folder) / "reached.jsonl").read_text().splitlines()
            assert json.loads(reached[-1])["megabytes"] < MOST_MB, name
    finally:
        await backend.close()
        await queue.close()
