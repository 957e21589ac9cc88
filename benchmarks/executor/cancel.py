"""`cancel_p95_s`: from the request to the moment at which no process of a job is left that was busy training."""

from __future__ import annotations

import asyncio
import time

import psutil

from benchmarks.executor.harness import PATIENCE, Bench, percentile, progress
from protocol.job import CancelJob, JobCancelled, JobMetric
from protocol.queue import cancel


async def measure(bench: Bench, times: int, worker: psutil.Process) -> dict[str, float]:
    took = [await _once(bench, f"cancel-{n}", worker) for n in range(times)]
    progress(f"cancel: {min(took):.3f} to {max(took):.3f} s")
    return {"cancel_p95_s": percentile(took, 0.95)}


async def _once(bench: Bench, id: str, worker: psutil.Process) -> float:
    job = await bench.submit(id, "train.py")
    await bench.wait(job, JobMetric)  # it trains
    zygotes = worker.children()
    processes = [process for process in worker.children(recursive=True) if process not in zygotes]
    assert processes, "a job that trains has a process"
    request = CancelJob(job=job.id, experiment=job.experiment, reason="benchmark")
    begun = time.monotonic()
    await cancel(bench.bus, request, run=bench.run, sender="experimentalist")
    while any(map(_lives, processes)):
        assert time.monotonic() - begun < PATIENCE
        await asyncio.sleep(0.002)
    took = time.monotonic() - begun
    await bench.wait(job, JobCancelled)
    return took


def _lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
