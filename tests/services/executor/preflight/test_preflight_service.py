"""A worker is asked whether a job is fit to be queued: it tries it in a sandbox, beside what runs."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from textwrap import dedent

import large_model
import pytest
import yaml
from executor_harness import CrewRun, WorkerProcess

from protocol.envelope import wrap
from protocol.job import JobSpec, JobStarted, Needs
from protocol.preflight import (
    LibrarySource,
    LibrarySourceRequest,
    Preflight,
    PreflightRequest,
    Signature,
    SignatureRequest,
)
from services.executor.preflight.trial import NICE

TINY = Path(__file__).parents[4] / "examples" / "tiny" / "model"
SFT = """
import json

import yaml
from datasets import Dataset
from trl import SFTConfig, SFTTrainer

config = yaml.safe_load(open("config.yaml"))
rows = [json.loads(line) for line in open(config["dataset_name"])]
print("rows:", len(rows))
trainer = SFTTrainer(
    model=config["model_name_or_path"],
    args=SFTConfig(output_dir="model", report_to="none", use_cpu=True, num_train_epochs=50, save_strategy="no"),
    train_dataset=Dataset.from_list([{"prompt": row["prompt"], "completion": row["completion"]} for row in rows]),
)
trainer.train()
trainer.save_model("model")
"""


def request(run: CrewRun, script: str, id: str = "own-1", **spec: object) -> PreflightRequest:
    """A script with a dataset of a hundred rows and a config that names it."""
    run.folder.mkdir(parents=True, exist_ok=True)
    data = run.folder / "rows.jsonl"
    rows = [{"prompt": f"{n} + 1 =", "completion": f" {n + 1}", "answer": str(n + 1), "row": {}} for n in range(100)]
    data.write_text("".join(json.dumps(row) + "\n" for row in rows))
    config = {"model_name_or_path": str(TINY), "dataset_name": str(data), "train_seconds": 60, "max_steps": 10_000}
    made = JobSpec(
        files={"train.py": dedent(script), "config.yaml": yaml.safe_dump(config)},
        argv=("train.py", "--config", "config.yaml"),
        reads=(str(TINY), str(data)),
        seconds=60,
    )
    return PreflightRequest(experiment=id, spec=made.model_copy(update=spec), folder=str(run.folder / run.name))


async def tried(run: CrewRun, question: PreflightRequest) -> Preflight:
    envelope = wrap(question, run=run.name, sender="engineer", recipient="preflight")
    answer = (await run.bus.ask(envelope, Preflight)).data
    assert isinstance(answer, Preflight)
    return answer


def trial_folder(question: PreflightRequest) -> Path:
    return Path(question.folder, "preflight", question.experiment)


async def test_a_sound_script_makes_two_steps_on_a_slice_and_nothing_is_left(
    run: CrewRun, worker: WorkerProcess
) -> None:
    question = request(run, SFT)
    answer = await tried(run, question)
    assert answer.flaws == ()
    assert answer.steps == 2
    assert list(trial_folder(question).parent.iterdir()) == []
    journaled = [e.data for _, e in await run.said() if isinstance(e.data, Preflight)]
    assert journaled == [answer]


@pytest.mark.parametrize(
    ("old", "new", "stage", "said"),
    [
        (
            '"prompt": row["prompt"]',
            '"prompt": row["promt"]',
            "columns",
            "train.py:14: the dataset has no column `promt`",
        ),
        ("use_cpu=True", "use_cpuu=True", "arguments", "train.py:13: trl.SFTConfig takes no `use_cpuu`"),
        ("trainer.train()", "trainer.train()\nprint(lossy)", "lint", "train.py:17: Undefined name `lossy`"),
        ("trainer.train()", "trainer.train(", "parse", "train.py:16: "),
        ("trainer.train()", "raise RuntimeError('no luck')", "smoke", "train.py:16: RuntimeError: no luck"),
        ('trainer.save_model("model")', "", "smoke", "it left no whole model"),
        ("trainer.train()", "open('/etc/shadow')", "smoke", "train.py:16: "),
    ],
)
async def test_a_flaw_is_told_with_its_stage_and_place(
    run: CrewRun, worker: WorkerProcess, old: str, new: str, stage: str, said: str
) -> None:
    assert old in SFT
    question = request(run, SFT.replace(old, new))
    [flaw] = (await tried(run, question)).flaws
    assert flaw.stage == stage
    assert said in flaw.told, flaw.told
    assert "preflight_entry" not in flaw.told and "runpy" not in flaw.told


async def test_a_large_model_is_tried_as_a_small_one_of_its_kind(run: CrewRun, worker: WorkerProcess) -> None:
    large = large_model.make(run.folder / "large")
    question = request(run, SFT, reads=(str(large), str(run.folder / "rows.jsonl")))
    config = yaml.safe_load(question.spec.files["config.yaml"]) | {"model_name_or_path": str(large)}
    files = question.spec.files | {"config.yaml": yaml.safe_dump(config)}
    spec = question.spec.model_copy(update={"files": files})
    answer = await tried(run, question.model_copy(update={"spec": spec}))
    assert (answer.flaws, answer.steps) == ((), 2)
    assert "1.7 B parameters" in answer.shrunken and "random weights" in answer.shrunken


async def test_the_slice_is_of_32_rows(run: CrewRun, worker: WorkerProcess) -> None:
    question = request(run, SFT.replace("trainer.train()", "raise SystemExit(f'{len(rows)} rows')"))
    [flaw] = (await tried(run, question)).flaws
    assert "32 rows" in flaw.told


async def test_a_trial_waits_for_no_slot_and_steps_back_for_the_jobs(run: CrewRun, worker: WorkerProcess) -> None:
    waiting = [await run.submit("wait.py", id=f"wait-{n}", script="import time\ntime.sleep(60)\n") for n in range(2)]
    for job in waiting:
        await run.wait(job, JobStarted)
    script = "import os\nraise SystemExit(f'nice {os.nice(0)}, tasks {os.environ.get(\"OMP_NUM_THREADS\")}')"
    [flaw] = (await tried(run, request(run, script))).flaws
    assert f"nice {min(19, os.nice(0) + NICE)}, tasks 1" in flaw.told
    for job in waiting:
        await run.cancel(job)


async def test_what_a_trial_may_not_have_is_said(run: CrewRun, worker: WorkerProcess) -> None:
    [flaw] = (await tried(run, request(run, SFT, reads=("/nowhere/at/all",)))).flaws
    assert (flaw.stage, "could not be started" in flaw.told) == ("smoke", True)
    [flaw] = (await tried(run, request(run, SFT, id="../../elsewhere"))).flaws
    assert flaw.stage == "parse"
    hungry = "x = [bytearray(1 << 20) for _ in range(3000)]"
    [flaw] = (await tried(run, request(run, hungry, needs=Needs(memory_gb=1.5)))).flaws
    assert flaw.stage == "smoke" and ("memory" in flaw.told.lower()), flaw.told


async def test_a_jobs_model_that_leads_elsewhere_is_not_shown_to_a_trial(run: CrewRun, worker: WorkerProcess) -> None:
    """A job may leave a link where its model should stand; the trial of what goes on from it must not follow."""
    question = request(run, SFT)
    job, private = Path(question.folder, "jobs", "sft-1"), run.folder / "private"
    for folder in (job, private):
        folder.mkdir(parents=True)
    Path(question.folder, "brief.json").write_text("{}")
    (job / "model").symlink_to(private)
    reads = (*question.spec.reads, str(job / "model"))
    leading_out = question.model_copy(update={"spec": question.spec.model_copy(update={"reads": reads})})
    [flaw] = (await tried(run, leading_out)).flaws
    assert "leads out of that job's folder" in flaw.told


async def test_two_questions_about_one_experiment_are_answered_one_after_the_other(
    run: CrewRun, worker: WorkerProcess
) -> None:
    asked = [request(run, SFT), request(run, SFT.replace('print("rows:"', 'print("all rows:"'))]
    answers = await asyncio.gather(*(tried(run, question) for question in asked))
    assert [answer.flaws for answer in answers] == [(), ()]


async def test_a_trial_that_is_in_the_way_of_itself_begins_anew(run: CrewRun, worker: WorkerProcess) -> None:
    bad = request(run, "import os\nos.makedirs('model')\nos.symlink('/etc', 'link')\nraise SystemExit(1)")
    assert (await tried(run, bad)).flaws
    assert (trial_folder(bad) / "link").is_symlink()
    assert (await tried(run, request(run, SFT))).flaws == ()
    assert Path("/etc/hostname").parent.is_dir() and not trial_folder(bad).exists()


async def test_signatures_are_those_of_the_executors_libraries(run: CrewRun, worker: WorkerProcess) -> None:
    async def asked(name: str) -> Signature:
        envelope = wrap(SignatureRequest(name=name), run=run.name, sender="engineer", recipient="preflight")
        answer = (await run.bus.ask(envelope, Signature)).data
        assert isinstance(answer, Signature)
        return answer

    known, unknown, strange = await asyncio.gather(asked("trl.GRPOConfig"), asked("trl.Nothing"), asked("a b; c"))
    assert known.found and "num_generations" in known.text
    assert not unknown.found and "trl has no `Nothing`" in unknown.text
    assert not strange.found


async def test_sources_are_those_of_the_executors_libraries(run: CrewRun, worker: WorkerProcess) -> None:
    async def asked(**what: str) -> LibrarySource:
        question = LibrarySourceRequest(library="trl", **what)  # type: ignore[arg-type]
        envelope = wrap(question, run=run.name, sender="engineer", recipient="preflight")
        answer = (await run.bus.ask(envelope, LibrarySource)).data
        assert isinstance(answer, LibrarySource)
        return answer

    found, outside = await asyncio.gather(asked(find="class GRPOTrainer"), asked(file="../../../../etc/passwd"))
    assert found.found and found.text.startswith("trainer/grpo_trainer.py:")
    assert not outside.found and "no source file" in outside.text
