"""Bad input ends with exit code 2, one clear sentence with the line and the remedy, and loses nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.runs import crew


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("metric: python:my_metric:score", "metric: rouge", "task.yaml:7"),
        ("  dev: {file: dev.jsonl}", "  dev: {file: nowhere.jsonl}", "nowhere.jsonl"),
        ('answer: " {digit}"', 'answer: " {digits}"', "digits"),
        ("budget: {time: 40s}", "budget: {time: soon}", "soon"),
        ("metric: python:my_metric:score", "metric: python:no_such_module:score", "no_such_module"),
    ],
)
def test_an_error_in_the_task_is_said_in_one_sentence(tmp_path: Path, old: str, new: str, said: str) -> None:
    task = crew.last_digit_task(tmp_path / "task", rows=50)
    text = task.read_text()
    assert old in text
    task.write_text(text.replace(old, new))
    done = crew.postdocs("run", task, "--runs-dir", tmp_path / "runs", "--json")
    assert done.returncode == 2, (done.stdout, done.stderr)
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_a_base_model_that_is_not_there_is_named(tmp_path: Path) -> None:
    task = crew.last_digit_task(tmp_path / "task", rows=50)
    task.write_text(task.read_text().replace(str(crew.TINY), "./missing"))
    done = crew.postdocs("run", task, "--runs-dir", tmp_path / "runs")
    assert done.returncode == 2
    assert "./missing" in done.stderr


def test_too_little_data_and_an_unreachable_target_end_with_exit_3_and_the_floor_or_better(tmp_path: Path) -> None:
    task = crew.last_digit_task(tmp_path / "task", rows=12, budget="30s", target=0.99, chance=True)
    done = crew.postdocs("run", task, "--runs-dir", tmp_path / "runs", "--json")
    assert done.returncode == 3, done.stderr
    told = json.loads(done.stdout)
    assert told["target_met"] is False
    assert told["dev"] >= told["floor"]
    assert told["seconds"] <= 30 + 5
    folder = crew.only_run(tmp_path / "runs")
    assert (folder.final_model / "config.json").is_file()
