"""Runs on disk for the command line to look at."""

from __future__ import annotations

from pathlib import Path

import pytest
from runs_on_disk import UNENDED, Cli, keep
from story_of_a_run import RUN, whole_story
from typer.testing import CliRunner, Result

from services.run_folder import RunFolder


@pytest.fixture(scope="module")
def runs_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one run that has ended and, newer, one that was stopped before its end."""
    root = tmp_path_factory.mktemp("runs")
    keep(RunFolder(root / RUN), whole_story(root / RUN))
    keep(RunFolder(root / UNENDED), whole_story(root / UNENDED, UNENDED, ends=False))
    return root


@pytest.fixture
def cli(runs_dir: Path) -> Cli:
    """`cli("show", RUN)`: the command line over `runs_dir`, in this process."""
    from services.cli.main import app

    def call(*args: str) -> Result:
        return CliRunner().invoke(app, [*args, "--runs-dir", str(runs_dir)], prog_name="postdocs")

    return call
