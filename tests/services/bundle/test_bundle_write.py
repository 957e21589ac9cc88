"""What a run's winner was made from goes into its bundle, its whole lineage, in a form that runs anywhere; and the slow
one: a model of two trainings is rebuilt from its bundle alone, and agrees."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

sys.path.insert(0, str(Path(__file__).parents[1] / "cli"))
from story_of_a_run import TASK, Told, plan, trial, value

from protocol import control, experiment, job, score
from protocol.brief import Brief
from protocol.ledger import Ledger
from services.bundle.chain import RATES, SAMPLED, CannotBundle, Chain
from services.bundle.manifest import Bundle, Step
from services.bundle.rerun import rerun
from services.bundle.write import write_bundle
from services.run_folder import RunFolder
from services.scorer.evaluation import Evaluation
from services.scorer.held_out import prepare
from services.scorer.model_folder import model_sha256
from services.scorer.shipped import ShippedPrompt, write_generation_config

ROOT = Path(__file__).parents[3]
TINY = ROOT / "examples" / "tiny" / "model"
SCRIPTS = ROOT / "agents" / "engineer" / "scripts"
TOOLS = ROOT / "tools"
SECONDS = 3.0
BASE_CONFIG = {
    "dtype": "float32", "output_dir": "model", "max_steps": 1_000_000, "lr_scheduler_type": "constant", "use_cpu": True,
    "bf16": False, "gradient_checkpointing": False, "report_to": "none", "max_length": 40, "learning_rate": 3e-3,
    "per_device_train_batch_size": 8, "dataset_kwargs": {"skip_prepare_dataset": True}, "seed": 3,
    "save_strategy": "no",
}  # fmt: skip


class Run:
    """A run on disk and in messages, whose jobs are run here by hand."""

    def __init__(self, root: Path) -> None:
        self.folder, self.told = RunFolder(root / "runs" / "r1"), Told("r1")
        self.task_folder = root / "task"
        self.folder.data.mkdir(parents=True)
        self.task_folder.mkdir()
        rows = [f"{first}{second}" for first in "abcdefgh" for second in "abcdefgh"]
        for name, chosen in {"clean": rows, "dev": rows[::4], "test": rows[1::4]}.items():
            lines = (json.dumps({"text": row, "iso": row[0]}) + "\n" for row in chosen)
            (self.task_folder / f"{name}.jsonl").write_text("".join(lines))
        self.mixture = self.folder.data / "mixture-0.jsonl"
        pairs = [{"prompt": f"{row} ->", "completion": f" {row[0]}\n", "answer": row[0], "row": {}} for row in rows]
        self.mixture.write_text("".join(json.dumps(pair) + "\n" for pair in pairs))
        self.task = TASK.model_copy(update={"base_model": str(TINY), "data": TASK.data[:1]})
        self.folder.task.write_text(yaml.safe_dump(self.task.model_dump(mode="json")))
        where = {"folder": str(self.folder.root), "task_folder": str(self.task_folder)}
        self.told.say("user", Brief(task=self.task, **where), 0)
        self.told.say("crew", control.RunStarted(session=0, at=self.told.at, pid=1, host="here"), 0)
        self.ready = prepare(score.PrepareEval(task=self.task, **where))
        self.told.say("curator", plan())
        self.scored("base", TINY)
        banked = control.FloorBanked(candidate="base", score=value(0.02), decoding="greedy, 0-shot", tried={})
        self.told.say("crew", banked)

    @property
    def ledger(self) -> Ledger:
        return Ledger(self.told.envelopes)

    def scored(self, name: str, model: Path, split: str = "dev", found: score.Score | None = None) -> None:
        scored = score.Scored(
            candidate=name, model=str(model), model_sha256=model_sha256(model), split=split, split_sha256="c" * 64,
            decoding=score.Decoding(), score=found or value(0.5), seconds=1.0,
        )  # fmt: skip
        self.told.say("scorer", scored)

    def propose(self, id: str, parent: str | None, script: str, **config: Any) -> experiment.Proposal:
        weights = f"{self.folder.root}/jobs/{parent}/model" if parent else str(TINY)
        settings = BASE_CONFIG | {"model_name_or_path": weights, "dataset_name": str(self.mixture)} | config
        names = (script, "pairs.py", "seconds_schedule.py", "sampling.py")
        files = {name: (SCRIPTS / name).read_text() for name in names}
        tools = {"metric.py": "metrics.py", "decoding.py": "decoding.py", "vllm_engine.py": "vllm_engine.py"}
        files |= {name: (TOOLS / source).read_text() for name, source in tools.items()}
        files["config.yaml"] = yaml.safe_dump(settings)
        argv = (script, "--config", "config.yaml")
        spec = job.JobSpec(files=files, argv=argv, reads=(weights, str(self.mixture)), seconds=30)
        strategy = "sft" if script == "sft.py" else "rejection_sampling"
        proposal = experiment.Proposal(experiment=trial(id, id, parent=parent, strategy=strategy).experiment, job=spec)
        self.told.say("engineer", experiment.Proposals(proposals=(proposal,)))
        return proposal

    def finished(self, id: str, steps: int) -> Path:
        """Say that its job has ended, and left its model."""
        model = self.folder.root / "jobs" / id / "model"
        who = {"job": f"j-{id}", "experiment": id, "at": self.told.at}
        ended = job.JobFinished(**who, model=str(model), steps=steps, seconds=3, train_seconds=3)
        self.told.say("worker", ended)
        self.scored(id, model)
        return model

    def ship(self, id: str, model: Path) -> None:
        """As the scorer does, without its look at the weights."""
        shutil.copytree(model, self.folder.final_model)
        write_generation_config(self.folder.final_model, score.Decoding(max_new_tokens=4), (1,), 0)
        ShippedPrompt(
            prompt=self.task.prompt, answer=self.task.answer, stop=("\n",), shots=(), prefix="",
            metric=self.task.metric, base_model=self.task.base_model, candidate=id,
        ).save(self.folder.final_model)  # fmt: skip

    def write(self, id: str) -> Bundle:
        made = write_bundle(self.ledger, id, self.folder, Evaluation.load(self.folder))
        assert Path(made.path) == self.folder.bundle and made.failed is None
        return Bundle.load(self.folder.bundle)


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(tmp_path)


def left(run: Run, id: str, rates: int) -> None:
    """What a job leaves, without training."""
    model = run.folder.root / "jobs" / id / "model"
    shutil.copytree(TINY, model)
    (model / RATES).write_text("0.001\n" * rates)


def chain(run: Run, id: str, place: Path) -> tuple[Step, ...]:
    place.mkdir()
    return Chain(run.ledger, id, place).write()


def test_the_whole_lineage_is_there_with_paths_of_the_bundle_alone(run: Run, tmp_path: Path) -> None:
    for id, parent, script in (("a", None, "sft.py"), ("b", "a", "sft.py"), ("other", "a", "sft.py")):
        run.propose(id, parent, script)
        left(run, id, 7)
        run.finished(id, 7)
    steps = chain(run, "b", tmp_path / "bundle")
    assert [(step.experiment, step.steps, step.recorded) for step in steps] == [("a", 7, True), ("b", 7, True)]
    first, second = (yaml.safe_load((tmp_path / "bundle" / step.folder / "config.yaml").read_text()) for step in steps)
    assert first["model_name_or_path"] == "../../base"
    assert second["model_name_or_path"] == "../1-a/model"
    assert first["dataset_name"] == second["dataset_name"] == "../../data/mixture-0.jsonl"
    assert (tmp_path / "bundle" / "data" / "mixture-0.jsonl").read_bytes() == run.mixture.read_bytes()
    everything = "".join(path.read_text() for path in (tmp_path / "bundle" / "steps").rglob("*") if path.is_file())
    assert str(tmp_path) not in everything and str(TINY) not in everything


def test_a_change_of_decoding_trains_nothing(run: Run, tmp_path: Path) -> None:
    run.propose("a", None, "sft.py")
    left(run, "a", 5)
    run.finished("a", 5)
    asked = experiment.Proposal(experiment=trial("d", "two shots", parent="a", strategy="decoding").experiment)
    run.told.say("engineer", experiment.Proposals(proposals=(asked,)))
    assert [step.experiment for step in chain(run, "d", tmp_path / "bundle")] == ["a"]


def test_rates_that_were_not_recorded_to_the_end_are_those_of_the_schedule(run: Run, tmp_path: Path) -> None:
    run.propose("a", None, "sft.py", train_seconds=30.0, warmup_share=0.1)
    left(run, "a", 3)
    run.finished("a", 20)
    [step] = chain(run, "a", tmp_path / "bundle")
    assert step.steps == 20 and not step.recorded
    rates = [float(line) for line in (tmp_path / "bundle" / step.folder / RATES).read_text().splitlines()]
    assert len(rates) == 20 and max(rates) == pytest.approx(3e-3) and rates[0] < rates[1] and rates[-1] < 3e-4


def test_answers_that_were_sampled_in_time_are_taken_along(run: Run, tmp_path: Path) -> None:
    run.propose("a", None, "rejection_sampling.py")
    left(run, "a", 5)
    (run.folder.root / "jobs" / "a" / "model" / SAMPLED).write_text('{"prompt": "a", "completion": "b"}\n')
    run.finished("a", 5)
    [step] = chain(run, "a", tmp_path / "bundle")
    assert "completion" in (tmp_path / "bundle" / step.folder / "model" / SAMPLED).read_text()


def test_a_job_cannot_have_the_test_split_copied_in_its_place(run: Run, tmp_path: Path) -> None:
    run.propose("a", None, "sft.py")
    left(run, "a", 5)
    model = run.finished("a", 5)
    (model / RATES).unlink()
    (model / RATES).symlink_to(run.folder.sealed / "test.jsonl")
    with pytest.raises(CannotBundle, match="is not whole"):
        chain(run, "a", tmp_path / "bundle")


def test_a_hub_id_is_replaced_where_it_names_the_model_alone(run: Run, tmp_path: Path) -> None:
    from services.bundle.chain import _renamed

    text = "# tiny steps\nmodel_name_or_path: tiny\nrun_name: tiny\nmodel_name_or_path: 'tiny'\n"
    expected = "# tiny steps\nmodel_name_or_path: ../../base\nrun_name: tiny\nmodel_name_or_path: ../../base\n"
    assert _renamed(text, {"tiny": "../../base"}) == expected


def test_the_test_split_is_for_its_owner_alone_and_a_second_bundle_takes_the_firsts_place(run: Run) -> None:
    run.ship("base", TINY)
    run.scored("base", run.folder.final_model, "test")
    run.write("base")
    bundle = run.write("base")
    sealed = run.folder.bundle / "sealed"
    assert sealed.stat().st_mode & 0o777 == 0o700
    assert (sealed / "test.jsonl").stat().st_mode & 0o777 == 0o600
    assert bundle.chain == () and bundle.base.included
    assert not list(run.folder.root.glob(".bundle.*"))
    assert "nothing was trained" in (run.folder.bundle / "README.md").read_text()
    subprocess.run(["sh", "-n", run.folder.bundle / "run.sh"], check=True)
    recipe = json.loads((run.folder.bundle / "data" / "recipe.json").read_text())
    assert recipe["sources"][0]["file"] == "clean.jsonl" and recipe["plan"]["rejected"]


def train(run: Run, proposal: experiment.Proposal) -> Path:
    """Run its script as a job does, in a folder of its own; say how it ended."""
    assert proposal.job is not None
    id = proposal.experiment.id
    place = run.folder.root / "jobs" / id
    for name, text in proposal.job.files.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_text(text)
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    subprocess.run([sys.executable, *proposal.job.argv], cwd=place, env=environment, check=True, capture_output=True)
    return run.finished(id, len((place / "model" / RATES).read_text().splitlines()))


@pytest.mark.slow
def test_a_model_of_two_trainings_is_rebuilt_from_its_bundle_alone(run: Run, tmp_path: Path) -> None:
    from services.bundle.score import scores

    train(run, run.propose("a", None, "sft.py", train_seconds=SECONDS))
    more = {"train_seconds": 1.5 * SECONDS, "samples": 2, "max_new_tokens": 4}
    model = train(run, run.propose("b", "a", "rejection_sampling.py", **more))
    run.ship("b", model)
    run.scored("b", run.folder.final_model, "test")
    run.write("b")  # to score by it
    found = scores(Bundle.load(run.folder.bundle), run.folder.bundle, model)
    for split, one in found.items():
        run.scored("b", model if split == "dev" else run.folder.final_model, split, one)
    bundle = run.write("b")
    assert [step.recorded for step in bundle.chain] == [True, True]

    away = tmp_path / "away"
    shutil.copytree(run.folder.bundle, away)
    shutil.rmtree(run.folder.root)
    lines: list[str] = []
    outcome = rerun(away, tmp_path / "work", lines.append)
    assert outcome.agrees, outcome
    assert {one.split for one in outcome.comparisons} == {"dev", "test"}
    assert outcome.same_weights, "with one thread, the same steps give the same numbers"
    assert asyncio.run(by_itself(away)) == 0


async def by_itself(bundle: Path) -> int | None:
    """`run.sh`, with the code that is in the bundle, and without the test split."""
    shutil.rmtree(bundle / "sealed")
    process = await asyncio.create_subprocess_exec(
        bundle / "run.sh", cwd="/", env=os.environ | {"PYTHON": sys.executable}, stdout=asyncio.subprocess.PIPE
    )
    told, _ = await process.communicate()
    assert b"test: not scored" in told
    return process.returncode
