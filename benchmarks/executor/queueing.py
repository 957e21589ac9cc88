"""`jobs`, `jobs_lost`, `jobs_doubled`, `jobs_per_s`, `dispatch_p95_s`: what the queue does, with jobs that do nothing.

A thousand jobs of four runs go through four workers, processes with all that a worker has but training. A job is lost
that has no end in the journal, and doubled when it was started twice. How long a job waits for a worker that has
nothing to do is measured apart, one job at a time: from before it is submitted to when a subscriber of the journal
hears that it is accepted.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from contextlib import AsyncExitStack

from benchmarks.executor.harness import PATIENCE, Bench, percentile, progress, worker
from protocol.job import JobAccepted, JobFinished, JobStarted
from protocol.queue import submit
from services.bus_server import Connection

WORKERS, SLOTS, RUNS = 4, 4, 4
AT_ONCE = 32
"""Submissions on their way."""
DISPATCHES = 100
PAUSE = 0.1
"""Between two of them: the worker has nothing to do."""
MODULE = "benchmarks.executor.noop"


async def measure(bench: Bench, connection: Connection, jobs: int) -> dict[str, float]:
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(worker(connection, MODULE, "noop-0", slots=SLOTS))
        dispatch = await _dispatch(await Bench.open(connection, bench.folder, "dispatch"))
        for n in range(1, WORKERS):
            await stack.enter_async_context(worker(connection, MODULE, f"noop-{n}", slots=SLOTS))
        runs = [await Bench.open(connection, bench.folder, f"load-{n}") for n in range(RUNS)]
        first = [await run.submit("first", "noop.py") for run in runs]
        for run, job in zip(runs, first, strict=True):  # the workers are there
            await run.wait(job, JobFinished)
        return await _load(runs, jobs // RUNS) | {"dispatch_p95_s": dispatch}


async def _dispatch(run: Bench) -> float:
    heard: dict[str, tuple[asyncio.Event, float]] = {}

    async def listen() -> None:
        async for _, envelope in run.journal.follow():
            if isinstance(envelope.data, JobAccepted):
                event, _ = heard[envelope.data.job]
                heard[envelope.data.job] = event, time.monotonic()
                event.set()

    listening = asyncio.create_task(listen())
    took = []
    for n in range(DISPATCHES + 1):
        envelope = run.job(f"one-{n}", "noop.py")
        event, job = asyncio.Event(), f"{run.run}-one-{n}"
        heard[job] = event, 0.0
        begun = time.monotonic()
        await submit(run.bus, envelope)
        await asyncio.wait_for(event.wait(), PATIENCE)
        took.append(heard[job][1] - begun)
        await asyncio.sleep(PAUSE)
    listening.cancel()
    progress(f"dispatch: median {percentile(took[1:], 0.5):.4f} s, most {max(took[1:]):.4f} s")
    return percentile(took[1:], 0.95)  # without the first, for which the worker had to start


async def _load(runs: list[Bench], share: int) -> dict[str, float]:
    limit = asyncio.Semaphore(AT_ONCE)

    async def one(run: Bench, n: int) -> None:
        async with limit:
            await submit(run.bus, run.job(f"noop-{n}", "noop.py"))

    begun = time.monotonic()
    ended = [asyncio.create_task(_last_end(run, share)) for run in runs]
    await asyncio.gather(*(one(run, n) for n in range(share) for run in runs))
    progress(f"submitted {share * len(runs)} jobs in {time.monotonic() - begun:.1f} s")
    took = max(await asyncio.gather(*ended)) - begun
    await asyncio.sleep(2)  # for what should not come
    lost = doubled = 0
    for run in runs:
        ends, starts = await _tally(run)
        lost += share - len(ends)
        doubled += sum(starts[job] > 1 or count > 1 for job, count in ends.items())
    total = share * len(runs)
    return {"jobs": total, "jobs_lost": lost, "jobs_doubled": doubled, "jobs_per_s": total / took}


async def _last_end(run: Bench, jobs: int) -> float:
    """When the last of so many jobs has ended, or the last that did before nothing more was said."""
    ended, last = 0, time.monotonic()
    async for _, envelope in run.journal.follow(after=await run.journal.last_sequence(), idle=PATIENCE):
        if isinstance(envelope.data, JobFinished):
            ended, last = ended + 1, time.monotonic()
        if ended == jobs:
            break
    return last


async def _tally(run: Bench) -> tuple[Counter[str], Counter[str]]:
    """Ends and starts by job."""
    ends: Counter[str] = Counter()
    starts: Counter[str] = Counter()
    async for _, envelope in run.journal.replay():
        if isinstance(envelope.data, JobFinished) and envelope.data.experiment != "first":
            ends[envelope.data.job] += 1
        elif isinstance(envelope.data, JobStarted):
            starts[envelope.data.job] += 1
    return ends, starts
