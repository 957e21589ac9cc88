"""A worker that is frozen loses its lease and with it its job; when it wakes up, it does not write on."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterable

import psutil
import pytest
from executor_harness import ENDS, CrewRun, living, until
from faults_harness import SCRIPT, Pair, Trained, reached

from protocol.job import Job, JobAccepted, JobFinished, JobGivenBack, JobStarted

STEPS = 60


async def submit(run: CrewRun) -> Job:
    arguments = ("sft.py", "--steps", str(STEPS), "--save-every", "5", "--pause", "0.15")
    return await run.submit(*arguments, id="frozen", script=SCRIPT)


def send(processes: Iterable[psutil.Process], number: signal.Signals) -> None:
    for process in processes:
        if living([process]):
            process.send_signal(number)


async def check(run: CrewRun, job: Job) -> None:
    """It went on elsewhere, ended once, and the frozen worker has owned up to have lost it, but has said no more."""
    end = await run.end(job, seconds=120)
    assert isinstance(end, JobFinished) and end.steps == STEPS
    assert sum(isinstance(e.data, ENDS) for _, e in await run.said()) == 1
    first, *_, last = await run.events(job, JobAccepted)
    assert first.worker != last.worker
    assert Trained.of(job).ends == 1
    started = await run.events(job, JobStarted)
    assert started[-1].resumed_from is not None
    note = await run.wait(job, JobGivenBack, seconds=20)
    assert (note.worker, note.delivery, note.heard) == (first.worker, 1, False)


@pytest.mark.slow
async def test_the_job_of_a_frozen_worker_dies_before_another_worker_gets_it(run: CrewRun, pair: Pair) -> None:
    job = await submit(run)
    accepted = await run.wait(job, JobAccepted, seconds=120)
    await reached(job, 6)
    worker = psutil.Process(pair.workers[accepted.worker].process.pid)
    zygotes = worker.children()
    processes = [process for process in worker.children(recursive=True) if process not in zygotes]
    assert processes
    worker.send_signal(signal.SIGSTOP)
    try:
        await run.wait(job, JobAccepted, nth=2, seconds=60)
        assert living(processes) == []
        await run.wait(job, JobStarted, nth=2, seconds=60)
    finally:
        worker.send_signal(signal.SIGCONT)
    await check(run, job)


@pytest.mark.slow
async def test_a_job_is_not_started_where_its_frozen_process_may_wake_up(run: CrewRun, pair: Pair) -> None:
    job = await submit(run)
    accepted = await run.wait(job, JobAccepted, seconds=120)
    await reached(job, 6)
    worker = psutil.Process(pair.workers[accepted.worker].process.pid)
    family = [worker, *worker.children(recursive=True)]
    processes = [process for process in family if process is not worker and process.ppid() != worker.pid]
    send(family, signal.SIGSTOP)  # as when a container is paused
    try:
        await run.wait(job, JobAccepted, nth=2, seconds=60)
        await asyncio.sleep(1.0)
        assert len(await run.events(job, JobStarted)) == 1
    finally:
        made = Trained.of(job).last_step
        send(family, signal.SIGCONT)
    await until(lambda: not living(processes), 10)
    assert Trained.of(job).last_step <= made + 1
    await check(run, job)
