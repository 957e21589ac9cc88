"""What `run` is told wrongly is said in one sentence, before anything starts."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.runs import crew


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--track", "paper"), "--track is 'paper': use one of trackio, wandb, both, none"),
        (("--artifacts", "nonsense://a"), "nonsense:// is no kind of store"),
        (("--detach",), "no bus: give --bus nats://host:4222 or set POSTDOCS_BUS_URL"),
        (("--detach", "--worker", "local"), "--worker does not go with --detach"),
        (("--detach", "--no-sandbox"), "--no-sandbox does not go with --detach"),
        (("--detach", "--runs-dir", "mine"), "--runs-dir does not go with --detach"),
        (("--runs-dir", "/proc/none"), "/proc/none cannot be written"),
        (("--detach", "--data", "nowhere"), "--data is 'nowhere', and there is no such folder"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_a_wrong_option_is_told_with_its_remedy(
    options: tuple[str, ...], told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from services.cli.main import app

    monkeypatch.delenv("POSTDOCS_BUS_URL", raising=False)
    task = crew.last_digit_task(tmp_path / "task", rows=50)
    monkeypatch.chdir(tmp_path)
    given = ["run", str(task), *options]
    result = CliRunner().invoke(app, given, prog_name="postdocs")
    assert result.exit_code == 2
    assert told in result.output
    assert not (tmp_path / "runs").exists()
