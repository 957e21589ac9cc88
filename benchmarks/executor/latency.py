"""`metric_latency_p95_s`: from when the trainer logs a figure to when a subscriber of the run's journal has it.

A real trainer logs six times a second. Both ends are on one machine, so that they have one clock.
"""

from __future__ import annotations

import asyncio
import time

from benchmarks.executor.harness import PATIENCE, Bench, percentile, progress
from protocol.job import CancelJob, JobCancelled, JobMetric
from protocol.queue import cancel

PAUSE = "0.15"
FIRST = 5
"""Logs that are not counted: the job has only just begun."""


async def measure(bench: Bench, figures: int) -> dict[str, float]:
    job = await bench.submit("latency", "train.py", "--pause", PAUSE)
    took: list[float] = []
    async with asyncio.timeout(PATIENCE + figures):
        async for _, envelope in bench.journal.follow(after=await bench.journal.last_sequence()):
            event = envelope.data
            if isinstance(event, JobMetric) and event.job == job.id:
                took.append(time.time() - event.at)  # `at` was written by the callback in the trainer
                if len(took) >= FIRST + figures:
                    break
    request = CancelJob(job=job.id, experiment=job.experiment, reason="benchmark")
    await cancel(bench.bus, request, run=bench.run, sender="experimentalist")
    await bench.wait(job, JobCancelled)
    progress(f"figures: {len(took) - FIRST}, median {percentile(took[FIRST:], 0.5):.3f} s, last {took[-1]:.3f} s")
    return {"metric_latency_p95_s": percentile(took[FIRST:], 0.95)}
