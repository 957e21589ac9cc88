"""`postdocs doctor`: whether this machine can run a crew, and what is missing."""

from __future__ import annotations

import typer

from services.cli.options import DEFAULT_RUNS_DIR, AsJson, RunsDir

FAILED = 4
_MARKS = {"ok": "✓", "missing": "–", "failed": "✗"}


def command(runs_dir: RunsDir = DEFAULT_RUNS_DIR, as_json: AsJson = False) -> None:
    """Check the set-up: packages, bus, device, disk, memory, sandbox, models."""
    from services.cli.checks import all_checks
    from services.cli.screen import console, print_json

    found = all_checks(runs_dir)
    failed = [check for check in found if check.state == "failed"]
    if as_json:
        print_json({"ok": not failed, "checks": [check._asdict() for check in found]})
    else:
        screen = console()
        for check in found:
            style = {"failed": "red", "missing": "yellow"}.get(check.state)
            screen.print(f"{_MARKS[check.state]} {check.name:<12} {check.told}", style=style, soft_wrap=True)
        told = f"{len(failed)} needed check failed" if failed else "a crew can run here"
        screen.print(f"\n{told}", style="bold")
    if failed:
        raise typer.Exit(FAILED)
