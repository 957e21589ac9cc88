"""`postdocs roles new`: what it writes is a working package; what it cannot write it says in a sentence."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from services.cli.main import app


def roles(*argv: object) -> Result:
    return CliRunner().invoke(app, ["roles", *map(str, argv)])


def test_the_package_is_whole(tmp_path: Path) -> None:
    """That it can be installed, and that its own test passes, is seen in tests/runs/test_new_roles.py."""
    done = roles("new", "night_owl", "--into", tmp_path / "new")
    assert done.exit_code == 0 and f"Next: pip install -e {tmp_path / 'new'}" in done.output
    found = sorted(str(path.relative_to(tmp_path / "new")) for path in (tmp_path / "new").rglob("*") if path.is_file())
    assert found == [
        "night_owl/__init__.py", "night_owl/prompt.md", "night_owl/role.py", "pyproject.toml",
        "tests/test_night_owl.py",
    ]  # fmt: skip
    ruff = [sys.executable, "-m", "ruff", "check", "--isolated", "--select", "E,F,UP,B", "--line-length", "120", "."]
    checked = subprocess.run(ruff, cwd=tmp_path / "new", capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("Statistician", "'Statistician' cannot name a role: use small letters, digits and _"),
        ("night-owl", "'night-owl' cannot name a role"),
        ("../owl", "'../owl' cannot name a role"),
        ("critic", "'critic' is taken by a part of postdocs: choose another name"),
        ("scorer", "'scorer' is taken by a part of postdocs"),
        ("statistics", "'statistics' is the name of a Python module that is there already"),
        ("services", "'services' is the name of a Python module that is there already"),
        ("lambda", "'lambda' is a word of Python"),
        ("x" * 80, "cannot name a role"),
    ],
)
def test_a_name_that_cannot_be_is_told_in_a_sentence_and_nothing_is_written(
    name: str, told: str, tmp_path: Path
) -> None:
    done = roles("new", name, "--into", tmp_path)
    assert done.exit_code == 2
    assert told in done.output and len(done.output.strip().splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_ever_overwritten(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("mine")
    done = roles("new", "night_owl", "--into", tmp_path)
    assert done.exit_code == 2 and "is not empty (pyproject.toml): give an empty folder with --into DIR" in done.output
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("pyproject.toml", "mine")]


def test_other_words_are_told(tmp_path: Path) -> None:
    assert (roles("make", "owl").exit_code, roles("new").exit_code) == (2, 2)


def test_a_file_of_the_project_is_listed_and_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "roles").mkdir()
    (tmp_path / "roles" / "skeptic.py").write_text('"""Doubts\nall."""\nraise SystemExit(1)\n')
    monkeypatch.chdir(tmp_path)
    done = roles("--json")
    assert done.exit_code == 0
    assert '"about": "Doubts all."' in done.output and '"name": "critic"' in done.output
