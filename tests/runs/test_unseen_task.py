"""A task the project has never seen runs without a change of code, and its result can be trusted."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from protocol.control import RunEnded
from protocol.score import Scored
from services.run_folder import RunFolder
from tests.runs import crew

OUTSIDE = crew.ROOT / "tests" / "services" / "scorer" / "outside.py"


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[RunFolder, dict[str, object], int]:
    """One run on the unseen task, with a target that cannot be reached; its folder, its JSON and exit code."""
    folder = tmp_path_factory.mktemp("unseen")
    task = crew.last_digit_task(folder / "task", target=1.0, budget="60s")
    done = crew.postdocs("run", task, "--runs-dir", folder / "runs", "--json")
    assert done.stdout, done.stderr
    return crew.only_run(folder / "runs"), json.loads(done.stdout), done.returncode


def test_it_beats_its_floor_and_says_so_in_one_json_object(
    finished: tuple[RunFolder, dict[str, object], int],
) -> None:
    folder, told, code = finished
    names = ("run", "floor", "dev", "test", "interval", "target_met", "experiments", "seconds", "busy", "final_model")
    assert [name for name in names if name not in told] == []
    assert told["run"] == folder.id
    assert float(str(told["test"])) > float(str(told["floor"])) + 0.2
    assert code == (0 if told["target_met"] else 3)


async def test_the_ledger_is_the_projection_of_the_journal(
    finished: tuple[RunFolder, dict[str, object], int],
) -> None:
    folder, *_ = finished
    assert crew.rows(folder) == crew.projected(await crew.told(folder))
    assert crew.rows(folder)


async def test_the_test_split_was_opened_once(finished: tuple[RunFolder, dict[str, object], int]) -> None:
    folder, told, _ = finished
    envelopes = await crew.told(folder)
    tests = [e.data for e in envelopes if isinstance(e.data, Scored) and e.data.split == "test"]
    assert [scored.candidate for scored in tests] == [told["candidate"]]
    sealed = (folder.sealed / "test.jsonl").read_text().splitlines()
    assert len(sealed) == 160


def test_a_script_that_imports_nothing_of_ours_gives_the_same_score(
    finished: tuple[RunFolder, dict[str, object], int], tmp_path: Path
) -> None:
    """The metric looks at the last character, as `exact_match` does for answers of one digit."""
    folder, told, _ = finished
    rows = tmp_path / "rows.jsonl"
    rows.write_text((folder.sealed / "test.jsonl").read_text())
    done = subprocess.run(
        [sys.executable, str(OUTSIDE), str(folder.final_model), str(rows)],
        capture_output=True,
        text=True,
        timeout=100,
        check=True,
        cwd=tmp_path,
    )
    assert abs(float(done.stdout.split()[-1]) - float(str(told["test"]))) <= 0.005


def test_replay_tells_why_the_winner_won(finished: tuple[RunFolder, dict[str, object], int]) -> None:
    folder, told, _ = finished
    replay = crew.postdocs("replay", folder.id, "--runs-dir", folder.root.parent)
    assert replay.returncode == 0, replay.stderr
    for word in (str(told["candidate"]), "paired", "floor banked", "rows to train on"):
        assert word in replay.stdout


def test_the_report_is_written(finished: tuple[RunFolder, dict[str, object], int]) -> None:
    folder, told, _ = finished
    report = folder.report.read_text()
    assert f"{float(str(told['test'])):.3f}" in report
    ended = RunEnded.model_validate_json((folder.root / "ended.json").read_text())
    assert ended.final_model == str(folder.final_model)


def test_an_ended_run_is_not_resumed(finished: tuple[RunFolder, dict[str, object], int]) -> None:
    folder, *_ = finished
    again = crew.postdocs("resume", folder.id, "--runs-dir", folder.root.parent)
    assert again.returncode == 2
    assert "has ended" in again.stderr


def test_no_process_is_left_behind(finished: tuple[RunFolder, dict[str, object], int]) -> None:
    folder, *_ = finished
    assert crew.alive(folder.id) == []
