"""A user without a home folder is told so before anything starts, rather than by processes that die one by one."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from services.cli.main import app
from tests.runs import crew


@pytest.mark.parametrize("command", ["run", "worker"])
def test_a_user_without_a_home_is_told(command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HOME")
    monkeypatch.setattr("pwd.getpwuid", _unknown)
    task = crew.last_digit_task(tmp_path / "task", rows=50)
    given = [str(task), "--runs-dir", str(tmp_path / "runs")] if command == "run" else ["--bus", "nats://127.0.0.1:1"]
    result = CliRunner().invoke(app, [command, *given], prog_name="postdocs")
    assert result.exit_code == 2
    assert "has no home folder, below which caches are kept: set HOME to one that can be written" in result.output
    assert not (tmp_path / "runs").exists()


def _unknown(uid: int) -> None:
    raise KeyError(uid)
