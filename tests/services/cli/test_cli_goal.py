"""A goal in plain words becomes a task that is shown, asked about, and then run."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from runs_on_disk import Cli

from services.casting import left_behind
from services.task_file import load_task
from tests.runs import crew

SENTENCE = "teach the tiny model dates to 95 % in 3 minutes"


@pytest.fixture
def runs_dir(tmp_path: Path) -> Path:
    return tmp_path / "runs"


def drafted(runs_dir: Path) -> Path:
    [path] = (runs_dir / ".drafts").glob("*/task.yaml")
    return path


def test_a_sentence_about_a_known_task_is_that_task_with_its_wishes(cli: Cli, runs_dir: Path) -> None:
    done = cli("run", SENTENCE, "--dry-run")
    assert done.exit_code == 0, done.stderr
    assert "examples/dates/task.yaml, changed: budget, target" in done.stderr
    task = load_task(drafted(runs_dir))
    assert (task.name, task.target, task.budget.time) == ("dates", 0.95, 180.0)


def test_a_goal_may_be_long_and_have_lines(cli: Cli, runs_dir: Path) -> None:
    done = cli("run", f"teach the tiny model dates\n(all of them: {'and more, ' * 40})\nin 3 minutes", "--dry-run")
    assert done.exit_code == 0, done.stderr
    assert load_task(drafted(runs_dir)).budget.time == 180.0


def test_half_a_task_is_told_what_it_lacks(cli: Cli) -> None:
    done = cli("run", "name: half of a task")
    assert done.exit_code == 2 and "'goal' is missing" in done.stderr


def test_a_sentence_with_a_model_and_rows_is_a_task_of_these(cli: Cli, runs_dir: Path, tmp_path: Path) -> None:
    rows = tmp_path / "capitals.csv"
    rows.write_text("question,answer\n" + "".join(f"what is {n}?,{n}\n" for n in range(100)))
    done = cli("run", f"make {crew.TINY} better at {rows}", "--dry-run")
    assert done.exit_code == 0, done.stderr
    task = load_task(drafted(runs_dir))
    assert (task.name, task.prompt, task.answer) == ("capitals", "{question}\n", "{answer}")
    parts = [len((drafted(runs_dir).parent / f"{name}.jsonl").read_text().splitlines()) for name in ("train", "dev")]
    assert parts == [80, 10]


def test_a_metric_beside_the_task_goes_with_it(cli: Cli, runs_dir: Path, tmp_path: Path) -> None:
    task = crew.last_digit_task(tmp_path / "task", rows=80)
    done = cli("run", f"do {task} in 2 minutes", "--dry-run")
    assert done.exit_code == 0, done.stderr
    made = load_task(drafted(runs_dir))
    assert made.metric.startswith("python:") and made.budget.time == 120.0


def test_nothing_is_started_where_nobody_can_be_asked(cli: Cli, runs_dir: Path) -> None:
    done = cli("run", SENTENCE)
    assert (done.exit_code, done.stdout) == (2, "")
    assert "approve the task by --yes" in done.stderr
    assert yaml.safe_load(done.stderr.partition("\n\n")[0])["target"] == 0.95, "it was shown"
    assert not runs_dir.exists()


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ("a,b,c\n1,2,3\n", "has the columns a, b, c, and which is the question and which the answer cannot be told"),
        ("question,answer\n1,2\n", "has 1 different rows: 60 are the least that can show anything"),
    ],
)
def test_rows_that_cannot_be_used_are_told_with_the_remedy(cli: Cli, tmp_path: Path, rows: str, told: str) -> None:
    file = tmp_path / "rows.csv"
    file.write_text(rows)
    done = cli("run", f"make {crew.TINY} better at {file}")
    assert done.exit_code == 2
    assert told in done.stderr


ROLE = "from agents.role import Role\n\nROLE = Role(name='skeptic', about='doubts', playbook={})\n"


def with_role(folder: Path) -> Path:
    """A task with a role of its own beside it."""
    task = crew.last_digit_task(folder, rows=80)
    (folder / "roles").mkdir()
    (folder / "roles" / "skeptic.py").write_text(ROLE)
    return task


def test_the_roles_beside_the_task_go_with_it_and_stay_where_they_are(cli: Cli, runs_dir: Path, tmp_path: Path) -> None:
    task = with_role(tmp_path / "task")
    for _ in range(2):
        done = cli("run", f"do {task} in 2 minutes", "--dry-run")
        assert done.exit_code == 0, done.stderr
    path = drafted(runs_dir)
    assert left_behind(load_task(path).crew, path.parent) == {"skeptic": tmp_path / "task" / "roles" / "skeptic.py"}


def test_a_task_that_is_pasted_has_no_roles_of_the_folder_that_one_happens_to_be_in(
    cli: Cli, runs_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = with_role(tmp_path / "task")
    (tmp_path / "task" / "roles" / "skeptic.py").write_text("raise SystemExit('code that nobody asked for')")
    monkeypatch.chdir(tmp_path / "task")
    done = cli("run", task.read_text(), "--dry-run")
    assert done.exit_code == 0, done.stderr
    assert not (drafted(runs_dir).parent / "roles").exists()
    named = task.read_text() + "crew: {add: {skeptic: {}}}\n"
    assert "there is no role 'skeptic'" in cli("run", named, "--dry-run").stderr
