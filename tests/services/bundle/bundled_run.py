"""A run on disk and in messages whose jobs are run by hand: what the tests of the bundle write bundles of."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import yaml

sys.path.insert(0, str(Path(__file__).parents[1] / "cli"))
from story_of_a_run import TASK, Told, plan, trial, value

from protocol import control, experiment, job, score
from protocol.brief import Brief
from protocol.job import Launch
from protocol.ledger import Ledger
from services.bundle.chain import RATES
from services.bundle.manifest import Bundle
from services.bundle.write import write_bundle
from services.executor.job import launch
from services.executor.warm.messages import Start
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
COMMON_CONFIG = {
    "dtype": "float32", "output_dir": "model", "max_steps": 1_000_000, "lr_scheduler_type": "constant", "use_cpu": True,
    "bf16": False, "gradient_checkpointing": False, "report_to": "none", "learning_rate": 3e-3,
    "per_device_train_batch_size": 8, "seed": 3, "save_strategy": "no",
}  # fmt: skip
SFT_CONFIG = {"max_length": 40, "dataset_kwargs": {"skip_prepare_dataset": True}}
GRPO_CONFIG = {"metric": "exact_match", "max_completion_length": 4, "num_generations": 4, "beta": 0.0}


class Run:
    """A run on disk and in messages, whose jobs are run here by hand."""

    def __init__(self, root: Path, base: str = str(TINY)) -> None:
        self.base = base
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
        self.task = TASK.model_copy(update={"base_model": base, "data": TASK.data[:1]})
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

    def propose(
        self, id: str, parent: str | None, script: str, processes: Launch = "python", **config: Any
    ) -> experiment.Proposal:
        weights = f"{self.folder.root}/jobs/{parent}/model" if parent else self.base
        common = COMMON_CONFIG | (GRPO_CONFIG if script == "grpo.py" else SFT_CONFIG)
        settings = common | {"model_name_or_path": weights, "dataset_name": str(self.mixture)} | config
        names = (script, "pairs.py", "seconds_schedule.py", "sampling.py")
        files = {name: (SCRIPTS / name).read_text() for name in names}
        tools = {"metric.py": "metrics.py", "decoding.py": "decoding.py", "vllm_engine.py": "vllm_engine.py"}
        files |= {name: (TOOLS / source).read_text() for name, source in tools.items()}
        files["config.yaml"] = yaml.safe_dump(settings)
        argv = (script, "--config", "config.yaml")
        spec = job.JobSpec(files=files, argv=argv, reads=(weights, str(self.mixture)), seconds=30, launch=processes)
        strategy = script.removesuffix(".py")
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


def train(run: Run, proposal: experiment.Proposal) -> Path:
    """Run its script as a job does, in a folder of its own; say how it ended."""
    assert proposal.job is not None
    id = proposal.experiment.id
    place = run.folder.root / "jobs" / id
    for name, text in proposal.job.files.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_text(text)
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    command = [sys.executable, *proposal.job.argv]
    if proposal.job.launch != "python":
        until = time.monotonic() + 600
        start = Start(
            key="k", folder=str(place), argv=proposal.job.argv, threads=1, stop_at=until, launch=proposal.job.launch
        )
        environment |= {launch.START: start.model_dump_json()}
        command = [sys.executable, "-P", "-m", "services.executor.job.cold"]
    done = subprocess.run(command, cwd=place, env=environment, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return run.finished(id, len((place / "model" / RATES).read_text().splitlines()))
