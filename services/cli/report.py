"""`postdocs report`: prints where the report of a run is, and the report; writes it where there is none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.cli.options import DEFAULT_RUNS_DIR, AsJson, RunName, RunsDir

if TYPE_CHECKING:
    from pathlib import Path

    from services.run_folder import RunFolder


def command(name: RunName = "latest", runs_dir: RunsDir = DEFAULT_RUNS_DIR, as_json: AsJson = False) -> None:
    """Print the report of a run, written anew where it is missing or the run has not ended."""
    from services.cli.screen import console, print_json
    from services.run_access import find_run

    folder = find_run(runs_dir, name)
    ended = (folder.root / "ended.json").is_file()
    path = folder.report if ended and folder.report.is_file() else _write(folder)
    text = path.read_text(encoding="utf-8")
    if as_json:
        print_json({"run": folder.id, "path": str(path), "markdown": text})
        return
    screen = console()
    screen.print(str(path), soft_wrap=True)
    if screen.is_terminal:
        from rich.markdown import Markdown

        screen.print(Markdown(text))
    else:
        screen.print(text, soft_wrap=True)


def _write(folder: RunFolder) -> Path:
    import asyncio

    from services.report import write_report
    from services.run_access import read_ledger

    return write_report(asyncio.run(read_ledger(folder)), folder)
