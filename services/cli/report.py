"""`postdocs report`: prints where the report of a run is, and the report; writes it where there is none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from services.cli.options import DEFAULT_RUNS_DIR, AsJson, OnBus, RunName, RunsDir

if TYPE_CHECKING:
    from pathlib import Path

    from services.report.page import Page
    from services.run_folder import RunFolder
    from services.runs_on_bus import RunOnBus


AsHtml = Annotated[
    bool, typer.Option("--html", help="The same as one HTML file: print where it is, and open it from a terminal.")
]


def command(
    name: RunName = "latest",
    runs_dir: RunsDir = DEFAULT_RUNS_DIR,
    bus: OnBus = None,
    html: AsHtml = False,
    as_json: AsJson = False,
) -> None:
    """Print the report of a run, written anew where it is missing or the run has not ended."""
    import asyncio

    from services.cli.screen import console, print_json
    from services.run_access import find_anywhere

    folder = asyncio.run(find_anywhere(runs_dir, name, bus))
    path, text = _read(folder)
    page = path and path.with_suffix(".html")
    if as_json:
        print_json({"run": folder.id, "path": path and str(path), "html": page and str(page), "markdown": text})
        return
    if html:
        _show_page(page, folder)
        return
    screen = console()
    if path is not None:
        screen.print(str(path), soft_wrap=True)
    if screen.is_terminal:
        from rich.markdown import Markdown

        screen.print(Markdown(text))
    else:
        screen.print(text, soft_wrap=True)


def _show_page(page: Path | None, folder: RunFolder | RunOnBus) -> None:
    """Where the HTML file is; of a run on another machine, the HTML itself."""
    import sys

    if page is None:
        from services.report.html import page as as_html

        typer.echo(as_html(_page(folder)))
        return
    typer.echo(str(page))
    if sys.stdout.isatty():
        typer.launch(page.as_uri())


def _read(folder: RunFolder | RunOnBus) -> tuple[Path | None, str]:
    """Where the report is, and its text. That of a run on another machine is written nowhere."""
    from services.report.markdown import page as as_markdown
    from services.runs_on_bus import RunOnBus

    if isinstance(folder, RunOnBus):
        return None, as_markdown(_page(folder))
    written = folder.ended.is_file() and folder.report.is_file() and folder.report_html.is_file()
    path = folder.report if written else _write(folder)
    return path, path.read_text(encoding="utf-8")


def _page(run: RunFolder | RunOnBus) -> Page:
    import asyncio

    from services.report.write import page
    from services.run_access import read_ledger

    ledger = asyncio.run(read_ledger(run))
    shipped = ledger.brief.folder + "/final_model" if ledger.brief else "final_model"
    return page(ledger, run.id, shipped)


def _write(folder: RunFolder) -> Path:
    import asyncio

    from services.report.write import write_report
    from services.run_access import read_ledger

    return write_report(asyncio.run(read_ledger(folder)), folder)
