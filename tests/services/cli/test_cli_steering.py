"""The commands that say something to a run: `tell` and `cancel`; and the bad input of `run` and `resume`."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import pytest
from runs_on_disk import UNENDED, Cli
from story_of_a_run import RUN

from services.run_access import read_ledger
from services.run_folder import RunFolder
from tests.tools.outside_world import SERVICES

TASK = Path(__file__).parents[3] / "examples" / "dates" / "task.yaml"


def test_what_is_told_stands_in_the_journal_each_time(cli: Cli, runs_dir: Path) -> None:
    before = asyncio.run(read_ledger(RunFolder(runs_dir / UNENDED))).tells
    for _ in range(2):
        done = cli("tell", UNENDED, "use LoRA")
        assert done.exit_code == 0
        assert "is not running" in done.stdout
    assert asyncio.run(read_ledger(RunFolder(runs_dir / UNENDED))).tells == [*before, "use LoRA", "use LoRA"]


def test_cancel_stands_in_the_journal(cli: Cli, runs_dir: Path) -> None:
    assert cli("cancel", UNENDED, "--reason", "enough").exit_code == 0
    assert asyncio.run(read_ledger(RunFolder(runs_dir / UNENDED))).cancelled


def test_a_run_that_has_ended_cannot_be_cancelled(cli: Cli) -> None:
    done = cli("cancel", RUN)
    assert (done.exit_code, done.stderr) == (2, f"postdocs: {RUN} has ended already (target met)\n")


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (["run", "nothing.yaml"], "there is no task file nothing.yaml"),
        (["run", "make it better"], "names no task that is known (banking77, dates, gpqa, healthbench, sums)"),
        (["run", str(TASK), "--model", "gpt-5"], "names no model"),
        (["run", str(TASK), "--budget", "soon"], "--budget: 'soon' is not a duration: write 90s, 5m, 10h or 2d"),
        (["run", str(TASK), "--budget", "0s"], "--budget is '0s'"),
        (["run", str(TASK), "--data", "nowhere"], "nowhere"),
        (["run", str(TASK), "--worker", "some"], "--worker is 'some': use one of auto, local, none"),
    ],
)
def test_bad_input_is_told_in_one_sentence(cli: Cli, args: list[str], told: str) -> None:
    pytest.importorskip("services.launcher")
    done = cli(*args)
    assert done.exit_code == 2
    assert told in done.stderr
    assert done.stderr.startswith("postdocs: ")
    assert done.stdout == ""


def test_debug_shows_the_traceback_and_nothing_else_does(tmp_path: Path) -> None:
    def call(*args: str) -> str:
        command = [sys.executable, "-m", "services.cli.main", *args, "show", "--runs-dir", str(tmp_path)]
        return subprocess.run(command, capture_output=True, text=True).stderr

    assert "Traceback" not in call()
    assert "Traceback" in call("--debug")


def test_doctor_finds_what_a_crew_needs_and_online_what_its_tools_can_reach(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in (*SERVICES, "POSTDOCS_SEARCH_URL"):
        monkeypatch.setenv(variable, "http://127.0.0.1:9")
    done = cli("doctor", "--online", "--json")
    checks = {check["name"]: check for check in json.loads(done.stdout)["checks"]}
    states = {name: check["state"] for name, check in checks.items()}
    assert states["bus"] == states["packages"] == states["runs"] == "ok"
    assert set(states) >= {"python", "device", "disk", "memory", "sandbox", "models"}
    outside = ("arXiv", "Hugging Face Hub", "datasets server", "Semantic Scholar", "web search", "GitHub")
    assert all("cannot be reached" in checks[name]["told"] and states[name] == "missing" for name in outside)
    assert done.exit_code == 0  # the crew can do without them


def test_doctor_fails_where_runs_cannot_be_written(tmp_path: Path) -> None:
    from services.cli.checks import _writeable

    blocked = tmp_path / "file"
    blocked.touch()
    assert _writeable(blocked / "runs").state == "failed"
