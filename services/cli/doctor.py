"""`postdocs doctor`: whether this machine can run a crew, and what is missing."""

from __future__ import annotations

from typing import Annotated

import typer

from services.cli.options import DEFAULT_RUNS_DIR, AsJson, RunsDir

FAILED = 4
_MARKS = {"ok": "✓", "missing": "–", "failed": "✗"}


def command(
    runs_dir: RunsDir = DEFAULT_RUNS_DIR,
    online: Annotated[
        bool,
        typer.Option(
            "--online", help="Try the model, and the services that the roles' tools ask: papers, Hub, web, code."
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Check the set-up: packages, bus, device, disk, memory, sandbox, models; --online: model and services."""
    from services.cli.checks import all_checks, online_checks
    from services.cli.screen import console, print_json

    found = all_checks(runs_dir) + (online_checks() if online else [])
    failed = [check for check in found if check.state == "failed"]
    if as_json:
        print_json({"ok": not failed, "checks": [check._asdict() for check in found]})
    else:
        screen, width = console(), max(12, *(len(check.name) for check in found))
        for check in found:
            style = {"failed": "red", "missing": "yellow"}.get(check.state)
            screen.print(f"{_MARKS[check.state]} {check.name:<{width}} {check.told}", style=style, soft_wrap=True)
        told = f"{len(failed)} needed check failed" if failed else "a crew can run here"
        screen.print(f"\n{told}", style="bold")
    if failed:
        raise typer.Exit(FAILED)
