"""A tiny model and task, made once; a run with a scorer, made for each test."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import hypothesis
import pytest
from laboratory import Laboratory, build_model, write_task

from protocol.brief import Task
from protocol.bus import Bus
from services.run_folder import RunFolder
from services.scorer.service import Scorer

hypothesis.settings.register_profile("busy machine", deadline=None)
hypothesis.settings.load_profile("busy machine")


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_model(tmp_path_factory.mktemp("model") / "base")


@pytest.fixture(scope="session")
def made_task(tmp_path_factory: pytest.TempPathFactory, model: Path) -> tuple[Task, Path]:
    folder = tmp_path_factory.mktemp("made") / "task"
    return write_task(folder, model), folder


@pytest.fixture
async def idle(bus: Bus, model: Path, made_task: tuple[Task, Path], tmp_path: Path) -> Laboratory:
    """A run whose scorer does not run yet."""
    task, made = made_task
    shutil.copytree(made, tmp_path / "task")
    laboratory = Laboratory(bus, task, tmp_path / "task", RunFolder(tmp_path / "runs" / "r1"), model)
    laboratory.folder.root.mkdir(parents=True)
    await laboratory.journal.create()
    return laboratory


@pytest.fixture
async def lab(idle: Laboratory) -> AsyncIterator[Laboratory]:
    async with Scorer(idle.bus, idle.run, idle.folder.root):
        yield idle
