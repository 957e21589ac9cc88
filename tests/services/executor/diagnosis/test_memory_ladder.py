"""Out of memory, from the first failure to a finished job: the real worker fails it, the Experimentalist mends it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from executor_harness import SCRIPTS, CrewRun, WorkerProcess
from provoke import Provoker

from agents.experimentalist.diagnose import diagnose
from protocol.envelope import wrap
from protocol.experiment import Entry, Proposal
from protocol.job import Category, Cause, Job, JobFailed, JobFinished, JobSpec, Needs
from protocol.message import message_id
from protocol.queue import submit
from protocol.schedule import DiagnoseRequest
from services.executor.inventory.nvml import read_machine
from tests.agents.requests import nobody
from tests.graph import story

BATCH = 64
CONFIG: dict[str, Any] = {
    "output_dir": "model",
    "per_device_train_batch_size": BATCH,
    "max_steps": 1,
    "learning_rate": 1e-3,
    "max_length": 512,
    "logging_steps": 1,
    "save_strategy": "no",
    "report_to": "none",
    "gradient_checkpointing": False,
}


async def seen_through(run: CrewRun, proposal: Proposal, category: Category) -> tuple[Proposal, JobFinished, int]:
    """Start it, mend it after each failure, until it ends well; what it was then, its end, and the failures before."""
    for attempt in range(12):
        assert proposal.job is not None
        name = f"{proposal.experiment.id}-{attempt}"
        id, folder = message_id(run.name, name), run.folder / run.name / name
        job = Job(id=id, run=run.name, experiment=proposal.experiment.id, folder=str(folder), spec=proposal.job)
        await submit(run.bus, wrap(job, run=run.name, sender="experimentalist", recipient="worker"))
        end = await run.end(job, seconds=180)
        if isinstance(end, JobFinished):
            return proposal, end, attempt
        assert isinstance(end, JobFailed) and end.cause.category == category, end
        entry = Entry(experiment=proposal.experiment, status="failed", attempts=attempt + 1)
        answer = await diagnose(DiagnoseRequest(entry=entry, proposal=proposal, failure=end), nobody)
        assert answer.retry is not None, answer.remedy
        proposal = answer.retry
    raise AssertionError("no end in sight")


def asked(config: dict[str, Any], needs: Needs) -> Proposal:
    files = {"wide.py": (SCRIPTS / "wide.py").read_text(), "config.yaml": yaml.safe_dump(config)}
    argv = ("wide.py", "--config", "config.yaml")
    spec = JobSpec(files=files, argv=argv, seconds=120, grace=60, needs=needs)
    return Proposal(experiment=story.experiment("wide"), job=spec)


def same_training(before: dict[str, Any], mended: Proposal) -> None:
    """Nothing but the way to compute a step has changed, and the step is as large as it was."""
    assert mended.job is not None
    now = yaml.safe_load(mended.job.files["config.yaml"])
    size, times = now["per_device_train_batch_size"], now["gradient_accumulation_steps"]
    assert size < BATCH and size * times == BATCH
    how = {"per_device_train_batch_size", "gradient_accumulation_steps", "gradient_checkpointing"}
    assert {n: v for n, v in now.items() if n not in how} == {n: v for n, v in before.items() if n not in how}


async def test_a_job_too_large_for_its_memory_ends_well_after_some_rungs(run: CrewRun, worker: WorkerProcess) -> None:
    config = CONFIG | {"use_cpu": True, "bf16": False}
    mended, end, failures = await seen_through(run, asked(config, Needs(memory_gb=1.4)), "host_out_of_memory")
    assert failures >= 1 and end.steps == 1 and Path(end.model).is_dir()
    same_training(config, mended)


@pytest.mark.skipif(not read_machine().gpus, reason="no GPU here")
async def test_a_job_too_large_for_its_gpu_ends_well_after_some_rungs(run: CrewRun, worker: WorkerProcess) -> None:
    config = CONFIG | {"bf16": True, "device_gb": 1.0}
    mended, end, failures = await seen_through(run, asked(config, Needs(gpus=1)), "out_of_memory")
    assert failures >= 1 and end.steps == 1 and Path(end.model).is_dir()
    same_training(config, mended)


async def test_trl_takes_the_figures_of_every_rung_of_grpo() -> None:
    from trl import GRPOConfig

    config: dict[str, Any] = {"per_device_train_batch_size": 24, "num_generations": 8}
    proposal, rungs = asked(config, Needs()), 0
    failure = JobFailed(job="j", experiment="wide", at=0, reason="full", cause=Cause(category="host_out_of_memory"))
    entry = Entry(experiment=proposal.experiment, status="failed", attempts=1)
    while True:
        answer = await diagnose(DiagnoseRequest(entry=entry, proposal=proposal, failure=failure), nobody)
        if answer.retry is None or answer.retry.job is None:
            break
        proposal, rungs = answer.retry, rungs + 1
        found = yaml.safe_load(answer.retry.job.files["config.yaml"])
        taken = GRPOConfig(output_dir="x", use_cpu=True, bf16=False, report_to="none", **found)
        assert taken.per_device_train_batch_size * taken.gradient_accumulation_steps == 24
        assert taken.generation_batch_size % 8 == 0
    assert rungs == 4 and taken.generation_batch_size == 8


def test_grpo_trains_on_when_it_samples_more_often_than_it_steps(provoker: Provoker, tmp_path: Path) -> None:
    script = (
        "import tiny\ntiny.grpo(lambda completions, **k: [float(len(c)) for c in completions], max_steps=2,\n"
        "          per_device_train_batch_size=2, gradient_accumulation_steps=8, steps_per_generation=2).train()"
    )
    assert provoker.fail(tmp_path, script).cause.category == "no_model"  # it saves none; else it went through
