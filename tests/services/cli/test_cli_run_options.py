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
    given = ["run", str(task), "--runs-dir", str(tmp_path / "runs"), *options]
    result = CliRunner().invoke(app, given, prog_name="postdocs")
    assert result.exit_code == 2
    assert told in result.output
    assert not (tmp_path / "runs").exists()
