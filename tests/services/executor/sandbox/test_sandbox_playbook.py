"""The jobs of the Engineer's playbook run inside: from the base, from a parent's model, with the task's own metric."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import yaml

from agents.engineer.playbook import propose
from protocol.job import Job, JobSpec
from services.executor.backends.backend import Exit, Terms
from services.executor.backends.local import LocalBackend
from services.executor.job.events import Printed
from services.trained_model import what_is_missing
from tests.agents import requests
from tests.graph import story

TINY = Path(__file__).parents[4] / "examples" / "tiny" / "model"
SECONDS = 4.0
METRIC = """from beside import parity


def score(prediction: str, expected: str) -> float:
    return parity(prediction)
"""
BESIDE = "def parity(text: str) -> float:\n    return float(len(text) % 2)\n"


@pytest.fixture
async def backend() -> AsyncIterator[LocalBackend]:
    opened = LocalBackend()
    await opened.open()
    yield opened
    await opened.close()


@pytest.fixture
def task_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "task"
    folder.mkdir()
    (folder / "mine.py").write_text(METRIC)
    (folder / "beside.py").write_text(BESIDE)
    (folder / "test.jsonl").write_text("sealed")
    return folder


@pytest.fixture
def mixture(tmp_path: Path) -> Path:
    path = tmp_path / "data" / "mixture.jsonl"
    path.parent.mkdir()
    rows = [f"{first}{second}" for first in "abcdefgh" for second in "abcdefgh"]
    texts = [
        {"prompt": f"{row} ->", "completion": f" {row[0]}", "answer": row[0], "row": {"text": row}} for row in rows
    ]
    path.write_text("".join(json.dumps(text) + "\n" for text in texts))
    return path


async def spec_of(strategy: str, model: str, task_folder: Path, mixture: Path) -> JobSpec:
    request = requests.propose(
        requests.entry("sft-1", 0.4),
        strategy=strategy,
        task=story.TASK.model_copy(update={"metric": "python:mine:score"}),
        task_folder=str(task_folder),
        base_model=model,
        incumbent="sft-1",
        incumbent_score=story.score(0.4),
        strategies_closed={} if strategy == "sft" else {"sft": "spent"},
        mixture=requests.MIXTURE.model_copy(update={"path": str(mixture), "rows": 64}),
    )
    (proposal,) = (await propose(request, requests.nobody)).proposals
    assert proposal.job is not None
    config = yaml.safe_load(proposal.job.files["config.yaml"]) | {"model_name_or_path": model, "train_seconds": SECONDS}
    files = proposal.job.files | {"config.yaml": yaml.safe_dump(config)}
    return proposal.job.model_copy(update={"files": files, "reads": (model, str(mixture)), "seconds": 60.0})


async def run(backend: LocalBackend, folder: Path, spec: JobSpec) -> tuple[Exit, list[str]]:
    job = Job(id=folder.name, run="r", experiment=folder.name, folder=str(folder), spec=spec)
    now = time.monotonic()
    handle = await backend.start(job, Terms(taken_up=now, stop_at=now + 60.0))
    printed: list[str] = []
    async for said in handle.events():
        printed += [line for event in said if isinstance(event, Printed) for line in event.lines]
    ended = await handle.wait()
    await handle.kill()
    return ended, printed


async def test_each_strategy_trains_from_the_model_of_the_one_before(
    backend: LocalBackend, task_folder: Path, mixture: Path, tmp_path: Path
) -> None:
    model = str(TINY)
    for strategy in ("sft", "lora", "grpo", "rejection_sampling"):
        folder = tmp_path / "jobs" / strategy
        ended, printed = await run(backend, folder, await spec_of(strategy, model, task_folder, mixture))
        assert ended.code == 0, "\n".join(printed[-30:])
        assert what_is_missing(folder / "model") is None
        model = str(folder / "model")
