"""`postdocs approve` answers what a run waits for, once, over a real bus."""

from __future__ import annotations

from pathlib import Path

from runs_on_disk import keep
from story_of_a_run import Told, opening
from typer.testing import CliRunner, Result

from protocol.studio import ApprovalWanted
from services.cli.main import app
from services.run_folder import RunFolder


def test_what_waits_is_answered_once(tmp_path: Path) -> None:
    told = Told("r1")
    opening(told, tmp_path / "r1")
    for about in ("the task", "a dear experiment"):
        told.say("graph", ApprovalWanted(about=about, shown="…"))
    keep(RunFolder(tmp_path / "r1"), told.envelopes)

    def approve(*options: str) -> Result:
        return CliRunner().invoke(app, ["approve", "r1", "--runs-dir", str(tmp_path), *options], prog_name="postdocs")

    assert approve("--no").stdout == "r1: a dear experiment: not approved\n"
    assert approve().stdout == "r1: the task: approved\n"
    done = approve()
    assert done.exit_code == 2 and "r1 waits for no approval" in done.stderr
