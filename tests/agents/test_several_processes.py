"""The crew's scripts as several processes: by `accelerate launch`, on the CPU, with real Gloo."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from protocol.job import JobSpec
from services.executor.job import launch
from services.executor.warm.messages import Start
from tests.agents.test_scripts import job, mixture

__all__ = ["mixture"]

pytestmark = pytest.mark.slow
CLOCKS = """
import json, time
from pathlib import Path
from accelerate import PartialState
state = PartialState(cpu=True)
from types import SimpleNamespace as Args
from transformers import TrainerState
from seconds_schedule import SecondsSchedule
told = Args(world_size=state.num_processes, output_dir="model")
schedule = SecondsSchedule(100.0, 1.0)
schedule.on_train_begin(told, TrainerState(), Args())
schedule.begun -= 40.0 * state.process_index  # the second is ahead
group = {"lr": 0.0}
schedule.on_step_begin(told, TrainerState(), Args(), optimizer=Args(param_groups=[group]))
schedule.begun -= 60.0 if state.process_index else 0.0  # its time is over, the first one's is not
control = Args(should_training_stop=False)
schedule.on_step_end(told, TrainerState(global_step=1), control)
told = {"rate": group["lr"], "stops": control.should_training_stop}
Path(f"rank-{state.process_index}.json").write_text(json.dumps(told))
"""


def run(spec: JobSpec, folder: Path) -> None:
    until = time.monotonic() + 600
    start = Start(key="k", folder=str(folder), argv=spec.argv, threads=2, stop_at=until, launch="ddp")
    ended = subprocess.run(
        [sys.executable, "-P", "-m", "services.executor.job.cold"],
        cwd=folder,
        env=os.environ | {launch.START: start.model_dump_json()},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert ended.returncode == 0, ended.stderr[-3000:]


async def test_rejection_sampling_shares_the_prompts_and_leaves_one_model(mixture: Path, tmp_path: Path) -> None:
    spec = await job("rejection_sampling", mixture, tmp_path)
    run(spec, tmp_path)
    kept = [json.loads(line) for line in (tmp_path / "model" / "accepted.jsonl").read_text().splitlines()]
    found = [(row["prompt"], row["completion"]) for row in kept]
    assert kept and len(set(found)) == len(found)
    prompts = [json.loads(line)["prompt"] for line in mixture.read_text().splitlines()]
    assert {prompts.index(prompt) % 2 for prompt, _ in found} == {0, 1}, "both processes have sampled"
    assert (tmp_path / "model" / "model.safetensors").is_file()
    seconds = yaml.safe_load((tmp_path / "config.yaml").read_text())["train_seconds"]
    events = [json.loads(line) for line in (tmp_path / "events.jsonl").read_text().splitlines()]
    assert next(event["seconds"] for event in events if event["kind"] == "train_ended") < 3 * seconds


async def test_the_first_processs_clock_counts_for_all(mixture: Path, tmp_path: Path) -> None:
    spec = await job("sft", mixture, tmp_path)
    (tmp_path / "clocks.py").write_text(CLOCKS)
    (tmp_path / "model").mkdir()
    run(spec.model_copy(update={"argv": ("clocks.py",)}), tmp_path)
    told = [json.loads((tmp_path / f"rank-{rank}.json").read_text()) for rank in (0, 1)]
    assert told[0] == told[1] and not told[0]["stops"]
