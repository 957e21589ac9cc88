"""Bad input ends with exit code 2, one clear sentence with the line and the remedy, and loses nothing."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.runs import crew


@pytest.mark.parametrize(
    ("old", "new", "line", "said"),
    [
        ("metric: python:my_metric:score", "metric: rouge", 7, "'rouge' is not a metric: use exact_match"),
        ("  dev: {file: dev.jsonl}", "  dev: {file: nowhere.jsonl}", 11, "'nowhere.jsonl', and no such file"),
        (
            'answer: " {digit}"',
            'answer: " {digits}"',
            6,
            "no column 'digits' is in train.csv, dev.jsonl",
        ),
        (
            'prompt: "{number} ->"',
            'prompt: "{n} ->"',
            5,
            "no column 'n' is in train.csv, dev.jsonl",
        ),
        ("budget: {time: 40s}", "budget: {time: soon}", 14, "'soon' is not a duration: write 90s"),
        (
            "metric: python:my_metric:score",
            "metric: python:no_such_module:score",
            7,
            "no_such_module.py: put it",
        ),
        ("metric: python:my_metric:score", "metric: python:my_metric:scores", 7, "no function 'scores': mend the name"),
        (f"base_model: {crew.TINY}", "base_model: ./missing", 4, "'./missing'"),
    ],
)
def test_an_error_in_the_task_is_said_in_one_sentence(tmp_path: Path, old: str, new: str, line: int, said: str) -> None:
    task = crew.last_digit_task(tmp_path / "task", rows=50)
    text = task.read_text()
    assert old in text
    task.write_text(text.replace(old, new))
    done = crew.postdocs("run", task, "--runs-dir", tmp_path / "runs", "--json")
    assert done.returncode == 2, (done.stdout, done.stderr)
    assert re.search(rf"task\.yaml:{line}: .*{re.escape(said)}", done.stderr), done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    assert not (tmp_path / "runs").exists()


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
