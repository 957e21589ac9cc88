"""`kill -9` of the worker at a random step: the job ends once, elsewhere, and as if nothing had happened.

`FAULT_SEEDS=20` (as `make test-executor-faults` has it) tries so many kills; without it there is one.
"""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest
from executor_harness import ENDS, CrewRun
from faults_harness import SCRIPT, Pair, Trained, reached

from protocol.job import Job, JobAccepted, JobFinished, JobStarted

SEEDS = range(int(os.environ.get("FAULT_SEEDS", "1")))
STEPS, SAVE_EVERY = 40, 7
MOMENTS = ("writing", "written", "noted", "trained", "saving")
"""Awkward ones, for which only `make test-executor-faults` has time."""
UNDISTURBED: dict[int, float] = {}
"""Step → loss, of a job that nobody disturbed."""


async def submit(run: CrewRun, id: str, *more: str) -> Job:
    arguments = ("--steps", str(STEPS), "--save-every", str(SAVE_EVERY), *more)
    return await run.submit("sft.py", *arguments, id=id, script=SCRIPT)


async def undisturbed(run: CrewRun) -> dict[int, float]:
    if not UNDISTURBED:
        job = await submit(run, "undisturbed")
        end = await run.end(job, seconds=120)
        assert isinstance(end, JobFinished), end
        UNDISTURBED.update(Trained.of(job).losses)
        assert sorted(UNDISTURBED) == list(range(1, STEPS + 1))
        assert UNDISTURBED[STEPS] == pytest.approx(end.loss, abs=1e-9)
    return UNDISTURBED


async def check(run: CrewRun, job: Job, end: object, once: bool = True) -> None:
    """Ended well and once, with at most an interval of steps made again, and with the losses of the undisturbed one."""
    expected = await undisturbed(run)
    assert isinstance(end, JobFinished), end
    assert sum(isinstance(e.data, ENDS) and e.data.job == job.id for _, e in await run.said()) == 1
    accepted = await run.events(job, JobAccepted)
    losses = len(accepted) - 1
    assert losses >= 1 and accepted[0].worker != accepted[-1].worker
    trained = Trained.of(job)
    assert trained.repeated <= SAVE_EVERY * losses
    assert trained.ends == 1 or not once
    for step, loss in trained.losses:
        assert loss == pytest.approx(expected[step], abs=1e-4), f"step {step}"
    assert end.steps == STEPS and end.loss == pytest.approx(expected[STEPS], abs=1e-4)
    started = await run.events(job, JobStarted)
    resumed = [Path(one.resumed_from).name if one.resumed_from else None for one in started]
    assert trained.began_at == tuple(int(name.removeprefix("checkpoint-")) if name else 0 for name in resumed)


@pytest.mark.parametrize("seed", SEEDS)
async def test_a_job_whose_worker_is_killed_at_a_random_step_ends_as_if_it_had_not_been(
    seed: int, run: CrewRun, pair: Pair
) -> None:
    await undisturbed(run)
    step = random.Random(seed).randint(1, STEPS - 1)
    job = await submit(run, f"killed-{seed}", "--keep", str(seed % 3))
    accepted = await run.wait(job, JobAccepted, seconds=120)
    await reached(job, step)
    await pair.kill(accepted.worker)
    await check(run, job, await run.end(job, seconds=120))


@pytest.mark.slow
@pytest.mark.parametrize("moment", MOMENTS)
async def test_a_job_whose_worker_is_killed_at_an_awkward_moment_ends_as_if_it_had_not_been(
    moment: str, run: CrewRun, pair: Pair
) -> None:
    await undisturbed(run)
    job = await submit(run, f"killed-{moment}", "--keep", "1", "--wait-at", moment)
    accepted = await run.wait(job, JobAccepted, seconds=120)
    waits = Path(job.folder) / "moment"
    await reached(job, SAVE_EVERY)
    while not waits.exists():
        await reached(job, Trained.of(job).last_step)
    await pair.kill(accepted.worker)
    await check(run, job, await run.end(job, seconds=120), once=moment not in ("trained", "saving"))
