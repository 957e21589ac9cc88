"""`warm_start_s`, `cold_start_s`, `warm_start_ratio`: until a training script has imported torch, transformers and trl.

Warm: from when the worker takes the job from the queue (its folder, fork and sandbox are in it). Cold: from when
`python imports.py` is started. The same script, in turn, each time on a machine that does nothing else; medians, and
the median of the ratios of neighbours.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import time
from pathlib import Path

from benchmarks.executor.harness import SCRIPTS, Bench, progress
from protocol.job import JobFailed, JobStarted
from services.executor.job.events import FILE_EVENT, Running

SCRIPT = "imports.py"


async def measure(bench: Bench, rounds: int) -> dict[str, float]:
    await _warm(bench, "first")  # after the worker itself has started
    pairs = []
    for n in range(rounds):
        warm, cold = await _warm(bench, f"start-{n}"), await _cold(bench.folder / f"cold-{n}")
        pairs.append((warm, cold))
        progress(f"start {n + 1}/{rounds}: warm {warm:.3f} s, cold {cold:.2f} s")
    return {
        "warm_start_ratio": statistics.median(cold / warm for warm, cold in pairs),
        "warm_start_s": statistics.median(warm for warm, _ in pairs),
        "cold_start_s": statistics.median(cold for _, cold in pairs),
    }


async def _warm(bench: Bench, id: str) -> float:
    job = await bench.submit(id, SCRIPT)
    started = await bench.wait(job, JobStarted)
    await bench.wait(job, JobFailed)  # it leaves no model
    folder = Path(job.folder)
    told = [FILE_EVENT.validate_json(line) for line in (folder / "events.jsonl").read_text().splitlines()]
    (running,) = [event for event in told if isinstance(event, Running)]
    taken_up = running.at - started.warm_start_s
    return float((folder / "imported").read_text()) - taken_up


async def _cold(folder: Path) -> float:
    folder.mkdir(parents=True)
    begun = time.monotonic()
    process = await asyncio.create_subprocess_exec(sys.executable, str(SCRIPTS / SCRIPT), cwd=folder)
    assert await process.wait() == 0
    return float((folder / "imported").read_text()) - begun
