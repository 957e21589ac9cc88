"""A worker of its own process that rents machines: from the queue to the journal."""

from __future__ import annotations

from pathlib import Path

import jobs_container
import pytest
from executor_harness import CrewRun, WorkerProcess
from jobs_server import TOKEN, JobsServer

from protocol.job import JobAccepted, JobCancelled, JobFinished, JobLog
from services.bus_server import Connection

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not jobs_container.works(), reason="the server's containers take bubblewrap"),
]


async def test_a_job_from_the_queue_runs_on_a_rented_machine_whose_price_is_journaled(
    run: CrewRun, own_server: Connection, hub: JobsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"POSTDOCS_WORKER_BACKEND": "hf_jobs", "HF_ENDPOINT": hub.url, "HF_TOKEN": TOKEN}.items():
        monkeypatch.setenv(name, value)
    worker = WorkerProcess(own_server, "ada")
    try:
        needs = {"gpus": 1, "kind": "a100", "backend": "hf_jobs"}
        job = await run.submit("sft.py", "--steps", "4", id="one", needs=needs)
        end = await run.end(job, seconds=240)
        assert isinstance(end, JobFinished), end
        assert end.steps == 4 and (Path(end.model) / "model.safetensors").is_file()
        (accepted,) = await run.events(job, JobAccepted)
        assert (accepted.backend, accepted.device, accepted.sandboxed) == ("hf_jobs", "a100 large", False)
        assert accepted.usd_per_hour == pytest.approx(2.502, abs=0.01)
        assert "2.50 USD an hour" in accepted.headline()

        sleeping = await run.submit("sleep.py", id="two", script="import time\nprint('begun')\ntime.sleep(600)")
        await run.wait(sleeping, JobLog, seconds=240)
        await run.cancel(sleeping)
        assert isinstance(await run.end(sleeping, seconds=240), JobCancelled)
        assert {container.stage for container in hub.jobs.values()} <= {"COMPLETED", "CANCELED", "ERROR"}
    finally:
        worker.stop()
