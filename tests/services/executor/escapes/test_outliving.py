"""Nothing that a job has started lives on when the job has ended, however it was started, however the job ends."""

from __future__ import annotations

import json
import re
import signal
import time
from pathlib import Path

import psutil
import pytest
from executor_harness import BARE, WorkerProcess
from hostile_house import HOSTILE
from prison import Prison

from protocol.job import Job

WAYS = re.findall(r"^def (\w+)\(\) -> None:", (HOSTILE / "outliving.py").read_text(), re.MULTILINE)
ENDS = ("finished", "killed", "cancelled", "its worker killed")
SETTLED = 3.0
"""Seconds for the kernel to end what is left of a sandbox."""


@pytest.fixture(scope="session")
def prison(bare_prison: Prison) -> Prison:
    return bare_prison


@pytest.fixture(scope="session")
def left_behind(prison: Prison) -> dict[str, Job]:
    """A job for each end, after it."""

    async def run() -> dict[str, Job]:
        jobs = {end: await prison.submit("outliving", end, id=f"outlives-{end.split()[0]}") for end in ENDS[:2]}
        jobs["cancelled"] = await prison.submit("outliving", "stopped from outside", id="outlives-cancelled")
        await prison.wait_for(jobs["cancelled"], "left.json")
        await prison.run.cancel(jobs["cancelled"])
        for job in jobs.values():
            await prison.ended(job)
        worker = WorkerProcess(prison.connection, "doomed", *BARE, queue="doomed")
        try:
            jobs[ENDS[3]] = await prison.submit("outliving", "stopped from outside", id="outlives-its", queue="doomed")
            await prison.wait_for(jobs[ENDS[3]], "left.json")
        finally:
            worker.stop(signal.SIGKILL)
        return jobs

    return prison.do(run())


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("way", WAYS)
def test_it_does_not_outlive_its_job(left_behind: dict[str, Job], end: str, way: str) -> None:
    folder = Path(left_behind[end].folder)
    assert way in json.loads((folder / "left.json").read_text()), "it was not tried"
    sign = folder / f"alive.{way}"
    before = sign.read_text() if sign.exists() else ""
    time.sleep(0.15)
    assert (sign.read_text() if sign.exists() else "") == before


def test_none_of_their_processes_is_left(prison: Prison, left_behind: dict[str, Job]) -> None:
    give_up_at = time.monotonic() + SETTLED
    while left := [p for p in psutil.process_iter(["cmdline"]) if prison.house.mark in (p.info["cmdline"] or ())]:
        assert time.monotonic() < give_up_at, left
        time.sleep(0.05)
