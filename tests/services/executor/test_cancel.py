"""A cancel request reaches its job even when nobody hears it called out."""

from __future__ import annotations

import psutil
from executor_harness import CrewRun, WorkerProcess, living, until

from protocol.envelope import wrap
from protocol.job import CancelJob, JobCancelled, JobMetric
from protocol.queue import cancel_id


async def test_a_request_that_is_only_in_the_journal_ends_a_busy_job(run: CrewRun, worker: WorkerProcess) -> None:
    job = await run.submit("sft.py", "--steps", "1000000", id="unheard")
    await run.wait(job, JobMetric)
    zygotes = psutil.Process(worker.process.pid).children()
    processes = [process for process in worker.family() if process not in zygotes]
    assert processes
    request = CancelJob(job=job.id, experiment="unheard", reason="asked")
    envelope = wrap(request, run=run.name, sender="experimentalist", recipient="worker", id=cancel_id(job.id))
    await run.journal.append(envelope)
    await until(lambda: not living(processes), 15.0)
    assert isinstance(await run.end(job), JobCancelled)
