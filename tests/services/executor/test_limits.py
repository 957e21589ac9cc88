"""When a job has to end: its own seconds, what earlier deliveries used of them, its deadline."""

from __future__ import annotations

import math
import time

import pytest
from executor_harness import CrewRun, WorkerProcess

from protocol.control import RunStarted
from protocol.envelope import wrap
from protocol.job import Job, JobCancelled, JobFailed, JobFinished, JobSpec
from protocol.queue import submit
from services.executor.limits import Limits, deadline


def job(seconds: float = 100.0, grace: float = 20.0, until: float | None = None) -> Job:
    spec = JobSpec(files={}, argv=("a.py",), seconds=seconds, grace=grace)
    return Job(id="j", run="r", experiment="e", folder="/j", spec=spec, deadline=until)


def test_without_a_deadline_the_seconds_count_from_the_first_line() -> None:
    now = time.monotonic()
    limits = Limits(job(), now - 3.0)
    assert (limits.stop_at, limits.latest, limits.kill_at) == (now + 97.0, math.inf, math.inf)
    limits.running(now - 1.0)
    assert limits.kill_at == now - 1.0 + 120.0
    limits.running(now)
    assert limits.kill_at == now - 1.0 + 120.0, "to say it again gives no more time"


def test_what_was_trained_before_is_taken_off() -> None:
    now = time.monotonic()
    limits = Limits(job(), now)
    limits.running(now)
    limits.trained_before(70.0)
    assert limits.kill_at == pytest.approx(now + 50.0)
    limits.trained_before(1e9)
    assert limits.kill_at == pytest.approx(now - 50.0)


def test_the_deadline_goes_before_and_leaves_time_to_save() -> None:
    now = time.monotonic()
    limits = Limits(job(), now, deadline=time.time() + 30.0)
    assert limits.kill_at == pytest.approx(now + 30.0, abs=0.1)
    assert limits.stop_at == limits.latest == pytest.approx(now + 25.0, abs=0.1)
    limits.running(now)
    limits.trained_before(5.0)
    assert limits.kill_at == pytest.approx(now + 30.0, abs=0.1), "the deadline does not move"


async def test_a_deadline_of_a_session_before_does_not_hold(run: CrewRun) -> None:
    envelope = run.job(("a.py",), id="late", script="pass", deadline=1.0)
    assert isinstance(envelope.data, Job)
    assert await deadline(envelope.data, envelope, run.journal) == 1.0
    for session, at in enumerate((time.time() - 60.0, time.time() + 60.0)):
        said = RunStarted(session=session, at=at, pid=1, host="h")
        await run.journal.append(wrap(said, run=run.name, sender="graph"))
        held = await deadline(envelope.data, envelope, run.journal)
        assert held == (1.0 if session == 0 else None)


async def test_a_job_is_not_started_after_its_deadline(run: CrewRun, worker: WorkerProcess) -> None:
    envelope = run.job(("a.py",), id="late", script="pass", deadline=time.time() - 1.0)
    assert isinstance(envelope.data, Job)
    await submit(run.bus, envelope)
    end = await run.end(envelope.data)
    assert isinstance(end, JobCancelled) and end.reason == "its deadline passed before it could be started"


async def test_a_training_is_saved_and_ended_by_its_deadline(run: CrewRun, worker: WorkerProcess) -> None:
    until = time.time() + 9.0
    job = await run.submit("sft.py", "--steps", "100000", "--pause", "0.02", id="saved", deadline=until, grace=16.0)
    end = await run.end(job)
    assert isinstance(end, JobFinished), end
    assert end.stopped_early and end.at <= until


async def test_what_does_not_heed_its_deadline_is_killed(run: CrewRun, worker: WorkerProcess) -> None:
    until = time.time() + 3.0
    job = await run.submit("a.py", id="deaf", script="import time\ntime.sleep(60)", deadline=until, grace=2.0)
    end = await run.end(job)
    assert isinstance(end, JobFailed) and end.reason == "its deadline has passed"
    assert end.cause.category == "time_out" and end.at >= until - 0.1
