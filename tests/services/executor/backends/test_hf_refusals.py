"""Refusals of the Hub, and lost connections: what is said, what is asked again, and what must not be doubled."""

from __future__ import annotations

import asyncio
from pathlib import Path

import jobs_container
import pytest
from huggingface_hub import HfApi
from jobs_server import TOKEN, Failure, JobsServer
from watched_job import WatchedJob, make_job

from services.executor.backends.backend import BackendFailed
from services.executor.backends.hf_jobs import faults, handle
from services.executor.backends.hf_jobs import log as job_log
from services.executor.backends.hf_jobs.backend import HfJobsBackend

pytestmark = pytest.mark.skipif(not jobs_container.works(), reason="the server's containers take bubblewrap")
SLEEP = "import time\nprint('begun', flush=True)\ntime.sleep(600)"


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faults, "PAUSE", 0.01)
    monkeypatch.setattr(job_log, "AGAIN_SECONDS", 0.1)


async def over(hub: JobsServer) -> None:
    """Until all that was started has ended."""
    for container in hub.jobs.values():
        assert await asyncio.to_thread(container.ended.wait, 60)


@pytest.mark.parametrize(
    ("status", "remedy"),
    [(401, "`hf auth login`, or set HF_TOKEN"), (403, "HF_TOKEN"), (402, "no credits left.*settings/billing")],
)
async def test_refusals_say_what_to_do(hub: JobsServer, tmp_path: Path, status: int, remedy: str) -> None:
    backend = HfJobsBackend(HfApi(hub.url, TOKEN))
    await backend.open()
    hub.failures.append(Failure(r"POST /api/jobs/ada$", status))
    with pytest.raises(faults.Refused, match=rf"cannot start the job: .*{remedy}.*HTTP {status}") as refused:
        await WatchedJob.start(backend, make_job(tmp_path, "a.py", script=""))
    assert refused.value.exit_code == 2 and hub.jobs == {}


async def test_a_wrong_token_is_told_before_any_job_is_taken(hub: JobsServer) -> None:
    with pytest.raises(faults.Refused, match="cannot sign in: the token is missing or not valid: sign in with"):
        await HfJobsBackend(HfApi(hub.url, "hf_wrong")).open()


async def test_a_busy_hub_is_asked_again_when_it_says(hub: JobsServer, tmp_path: Path) -> None:
    hub.failures.append(Failure("GET /api/jobs/hardware", 429, times=2, headers={"Retry-After": "1"}))
    backend = HfJobsBackend(HfApi(hub.url, TOKEN))
    begun = asyncio.get_running_loop().time()
    await backend.open()
    assert asyncio.get_running_loop().time() - begun >= 2.0
    assert hub.requests.count("GET /api/jobs/hardware") == 3
    hub.failures.append(Failure(r"POST /api/jobs/ada$", 429, headers={"Retry-After": "1"}))
    watched = await WatchedJob.start(backend, make_job(tmp_path, "a.py", script=""))
    assert (await watched.end()).code == 0
    assert len(hub.jobs) == 1


@pytest.mark.usefixtures("impatient")
async def test_a_hub_that_fails_is_asked_four_times(hub: JobsServer) -> None:
    hub.failures.append(Failure("GET /api/jobs/hardware", 503, times=99, message="maintenance"))
    with pytest.raises(BackendFailed, match=r"cannot list the machines: .*maintenance.*\(HTTP 503\)"):
        await HfJobsBackend(HfApi(hub.url, TOKEN)).open()
    assert hub.requests.count("GET /api/jobs/hardware") == faults.TRIES


async def test_a_start_whose_answer_is_lost_is_not_repeated_and_is_ended_by_the_next(
    rented: HfJobsBackend, hub: JobsServer, tmp_path: Path
) -> None:
    job = make_job(tmp_path, "sleep.py", script=SLEEP)
    hub.failures.append(Failure(r"POST /api/jobs/ada$", 504, after=True))
    with pytest.raises(BackendFailed, match="HTTP 504"):
        await WatchedJob.start(rented, job)
    (lost,) = hub.jobs.values()
    assert lost.stage == "RUNNING"
    again = await WatchedJob.start(rented, job)
    assert lost.stage == "CANCELED" and len(hub.jobs) == 2
    await again.stop()


@pytest.mark.usefixtures("impatient")
async def test_lines_come_once_over_lost_connections(rented: HfJobsBackend, hub: JobsServer, tmp_path: Path) -> None:
    hub.cut_logs_after += [3, 10, 20]
    hub.failures.append(Failure(r"GET /api/jobs/ada/\w+/logs", 502, times=2))
    script = "import time\nfor n in range(40):\n    print('line', n, flush=True)\n    time.sleep(0.02)\n"
    watched = await WatchedJob.start(rented, make_job(tmp_path, "talk.py", script=script))
    assert (await watched.end()).code == 0
    assert watched.lines == [f"line {n}" for n in range(40)]
    assert hub.cut_logs_after == []


async def test_a_job_that_does_not_hear_the_request_to_save_is_not_lost(
    rented: HfJobsBackend, hub: JobsServer, tmp_path: Path
) -> None:
    watched = await WatchedJob.start(rented, make_job(tmp_path, "sleep.py", script=SLEEP))
    await watched.until(lambda: "begun" in watched.lines)
    hub.failures.append(Failure("POST /proxy/", 502))
    await watched.handle.save()
    assert hub.shown(next(iter(hub.jobs.values())))["status"]["stage"] == "RUNNING"
    await watched.handle.terminate()
    assert (await watched.end()).signal == 15


async def test_results_that_never_reach_the_bucket_are_the_backends_fault(
    rented: HfJobsBackend, hub: JobsServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handle, "FLUSH_SECONDS", 0.2)
    watched = await WatchedJob.start(rented, make_job(tmp_path, "a.py", script="print(1)"))
    await over(hub)
    (hub.buckets.folder("ada/postdocs-jobs") / "jobs" / watched.job.id / "manifest.json").unlink()
    with pytest.raises(BackendFailed, match="do not reach the bucket"):
        await watched.end()


async def test_at_its_end_a_worker_ends_every_machine_though_the_hub_fails_for_one(
    hub: JobsServer, tmp_path: Path, impatient: None
) -> None:
    backend = HfJobsBackend(HfApi(hub.url, TOKEN))
    await backend.open()
    jobs = [make_job(tmp_path / name, "a.py", script=SLEEP) for name in ("one", "two")]
    started = [await WatchedJob.start(backend, job) for job in jobs]
    doomed = next(iter(hub.jobs))
    hub.failures.append(Failure(rf"POST /api/jobs/ada/{doomed}/cancel", 500, times=faults.TRIES))
    await backend.close()
    others = [container for id, container in hub.jobs.items() if id != doomed]
    assert others and all(container.ended.is_set() for container in others)
    await backend._cancel(started[0].handle.info)  # type: ignore[attr-defined]
    await over(hub)
