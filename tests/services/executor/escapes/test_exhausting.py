"""A job that takes all there is of something is stopped at its limit, and the machine has the rest."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import psutil
import pytest
from prison import Prison, Tried

from protocol.job import JobFailed, Needs
from services.executor.sandbox import check

LIMITS = Needs(memory_gb=1.0, disk_gb=0.2)
ROOMY = Needs(memory_gb=6.0, disk_gb=0.2)
"""The page tables of hundreds of processes take gigabytes; with less, memory ends before the number of processes."""
SECONDS = 20.0
DISK = ("disk", "disk_by_many_files", "temporary_folder", "log_of_the_job", "deleted_file", "many_deleted_files")
MEMORY = ("memory", "shared_memory")
if os.environ.get(check.SETTING) == "landlock":  # which has no shared memory
    MEMORY = ("memory",)
PROCESSES = ("fork_bomb", "threads")
DESCRIPTORS = ("open_files", "sockets")
FORGED = """
import os, time
os.truncate("events.jsonl", 0)
while True:
    with open("events.jsonl", "a") as file:
        file.write('{"kind": "running", "pid": 1, "at": 99999999999}\\n')
    time.sleep(0.05)
"""
MB = 1 << 20
MOST_MB = 1500
"""Seven times what was allowed: between two looks a fast disk takes so much."""


@pytest.fixture(scope="session")
def exhausted(prison: Prison) -> dict[str, Tried]:
    """Each in a job of its own, all in the queue at once."""

    async def run() -> dict[str, Tried]:
        jobs = {}
        for name in (*DISK, *MEMORY, *PROCESSES, *DESCRIPTORS):
            needs = ROOMY if name in PROCESSES else LIMITS
            jobs[name] = await prison.submit("exhausting", name, id=f"takes-{name}", needs=needs, seconds=SECONDS)
        short = {"seconds": 2.0, "grace": 1.0}
        jobs["time"] = await prison.submit("exhausting", "time_beyond_its_end", id="takes-time", **short)
        jobs["forged"] = await prison.submit_text(FORGED, id="takes-forged", **short)
        return {name: await prison.ended(job) for name, job in jobs.items()}

    return prison.do(run())


def reached(tried: Tried) -> dict[str, Any]:
    """The last that it noted of itself."""
    last: dict[str, Any] = json.loads((tried.folder / "reached.jsonl").read_text().splitlines()[-1])
    return last


def megabytes(folder: Path) -> float:
    return sum(path.lstat().st_blocks * 512 for path in folder.rglob("*")) / MB


@pytest.mark.parametrize("name", PROCESSES)
def test_processes_and_threads_end_at_a_limit(exhausted: dict[str, Tried], name: str) -> None:
    end = exhausted[name].end
    if isinstance(end, JobFailed) and end.reason.startswith("memory limit"):  # a slow machine, or larger tables
        return
    said = reached(exhausted[name])
    assert said["why"] != "no limit"
    assert said["made"] < 2000


@pytest.mark.parametrize("name", DESCRIPTORS)
def test_open_files_end_at_a_limit(exhausted: dict[str, Tried], name: str) -> None:
    said = reached(exhausted[name])
    assert said["why"] != "no limit"
    assert said["held"] < 100_000


@pytest.mark.parametrize("name", DISK)
def test_the_disk_does_not_fill(exhausted: dict[str, Tried], name: str) -> None:
    tried = exhausted[name]
    assert isinstance(tried.end, JobFailed)
    assert reached(tried)["megabytes"] < MOST_MB
    assert megabytes(tried.folder) < MOST_MB


@pytest.mark.parametrize("name", MEMORY)
def test_memory_does_not_fill(exhausted: dict[str, Tried], name: str) -> None:
    tried = exhausted[name]
    assert isinstance(tried.end, JobFailed)
    assert reached(tried)["megabytes"] < 3000


def test_a_job_that_is_deaf_ends_with_its_time(exhausted: dict[str, Tried]) -> None:
    end = exhausted["time"].end
    assert isinstance(end, JobFailed) and end.reason.startswith("time limit")


def test_a_job_cannot_say_that_it_has_only_begun(exhausted: dict[str, Tried]) -> None:
    end = exhausted["forged"].end
    assert isinstance(end, JobFailed) and end.reason.startswith("time limit")


def test_nothing_of_them_is_left(prison: Prison, exhausted: dict[str, Tried]) -> None:
    folders = {str(tried.folder) for tried in exhausted.values()}
    left = []
    for process in psutil.process_iter():
        try:
            if process.cwd() in folders:
                left.append(process)
        except psutil.Error:
            continue
    assert left == []
    assert prison.dead() == []
