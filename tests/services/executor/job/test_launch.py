"""Several processes by `accelerate launch`: what it is told, how their ends come back. Real processes, real Gloo."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from accelerate.commands.launch import _validate_launch_command as validated
from accelerate.commands.launch import launch_command_parser
from accelerate.utils import FullyShardedDataParallelPlugin, patch_environment
from accelerate.utils.launch import prepare_multi_gpu_env

from protocol.job import Launch
from services.executor.job import launch, several
from services.executor.warm.messages import Start

CROWD = """
import json, os, sys, time
from pathlib import Path
from accelerate import PartialState
state = PartialState(cpu=True)
import torch
told = {"rank": state.process_index, "of": state.num_processes, "threads": os.environ["OMP_NUM_THREADS"],
        "start": "POSTDOCS_START" in os.environ, "safe": "PYTHONSAFEPATH" in os.environ}
Path(f"rank-{state.process_index}.json").write_text(json.dumps(told))
state.wait_for_everyone()
if state.process_index == 1:
    exec(sys.argv[1])
time.sleep(60)
"""


def start(folder: Path, kind: Launch = "ddp", *, argv: tuple[str, ...] = ("crowd.py",), gpus: int = 0) -> Start:
    stop_at = time.monotonic() + 600
    return Start(key="k", folder=str(folder), argv=argv, threads=4, stop_at=stop_at, launch=kind, gpus=gpus)


@pytest.mark.parametrize("kind", ["ddp", "fsdp"])
def test_accelerate_takes_our_configuration_of_four_gpus(tmp_path: Path, kind: Launch) -> None:
    file = tmp_path / launch.CONFIG
    file.write_text(yaml.safe_dump(several.config(kind, 4)))
    arguments, _, _ = validated(launch_command_parser().parse_args(["--config_file", str(file), "script.py"]))
    assert arguments.use_fsdp == (kind == "fsdp") and arguments.multi_gpu == (kind == "ddp")
    told = prepare_multi_gpu_env(arguments)
    assert (arguments.nproc_per_node, told["ACCELERATE_MIXED_PRECISION"]) == ("4", "bf16")
    if kind == "fsdp":
        with patch_environment(**{name: value for name, value in told.items() if "FSDP" in name}):
            plugin = FullyShardedDataParallelPlugin()
        assert plugin.fsdp_version == 2 and plugin.reshard_after_forward is True
        assert plugin.state_dict_type.name == "FULL_STATE_DICT"  # one whole model, whoever trained it


@pytest.mark.parametrize(
    ("last", "code"),
    [("sys.exit(3)", 3), ("os.kill(os.getpid(), 11)", -signal.SIGSEGV), ("raise KeyError('labels')", 1)],
)
def test_the_first_process_that_fails_ends_all_and_its_end_is_the_jobs(tmp_path: Path, last: str, code: int) -> None:
    (tmp_path / "crowd.py").write_text(CROWD)
    asked = start(tmp_path, argv=("crowd.py", last))
    environment = os.environ | {launch.START: asked.model_dump_json()}
    ended = subprocess.run(
        [sys.executable, "-P", "-m", "services.executor.job.cold"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert ended.returncode == code, ended.stderr
    assert ended.stderr.splitlines()[-1] == f"process 1 of 2 ended with {code}"
    for rank in (0, 1):
        told = json.loads((tmp_path / f"rank-{rank}.json").read_text())
        assert told == {"rank": rank, "of": 2, "threads": "2", "start": False, "safe": False}
    running = [json.loads(line) for line in (tmp_path / "events.jsonl").read_text().splitlines()]
    assert [event["kind"] for event in running] == ["running"]
