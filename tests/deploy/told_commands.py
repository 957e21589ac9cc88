"""Commands that a page tells its reader to type: they take the options that stand there."""

from __future__ import annotations

import re

from typer.testing import CliRunner


def takes_its_options(command: list[str]) -> bool:
    """Whether a command of ours knows each option; fails with the one that it does not know."""
    from services.cli.main import app

    help = CliRunner().invoke(app, [command[1], "--help"], prog_name="postdocs", env={"COLUMNS": "300"})
    assert help.exit_code == 0, help.output
    for option in (part for part in command[2:] if part.startswith("--")):
        assert re.search(rf"(?<![\w-]){option}(?![\w-])", help.output), f"{command[1]} has no {option}"
    return True
