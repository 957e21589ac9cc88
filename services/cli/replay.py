"""`postdocs replay`: tells a run's whole dialogue from its journal alone, and why the winner won."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from services.cli.options import DEFAULT_RUNS_DIR, AsJson, RunName, RunsDir, Verbose

if TYPE_CHECKING:
    from protocol.envelope import Envelope

SVG_COLUMNS = 150


def command(
    name: RunName = "latest",
    speed: Annotated[
        float | None,
        typer.Option("--speed", metavar="X", min=0.001, help="X times as fast as it was; at once without."),
    ] = None,
    svg: Annotated[Path | None, typer.Option("--svg", metavar="FILE", help="Draw it into an SVG file instead.")] = None,
    verbose: Verbose = False,
    runs_dir: RunsDir = DEFAULT_RUNS_DIR,
    as_json: AsJson = False,
) -> None:
    """Tell the whole dialogue of a run, and why the winner won."""
    import asyncio

    from services.run_access import find_run, read_journal

    said = asyncio.run(read_journal(find_run(runs_dir, name)))
    if as_json:
        _print_json(said)
    elif svg is not None:
        _draw([envelope for _, envelope in said], verbose, svg)
    else:
        _print_story([envelope for _, envelope in said], verbose, speed)


def _print_story(said: list[Envelope], verbose: bool, speed: float | None) -> None:
    from services.cli.screen import console
    from services.cli.story import Story

    screen, story, before = console(), Story(verbose), None
    for envelope in said:
        if speed is not None and before is not None:
            time.sleep(max(0.0, (envelope.time - before).total_seconds() / speed))
        before = envelope.time
        for text in story.tell(envelope):
            screen.print(text, soft_wrap=True)
    for text in story.ending():
        screen.print(text, soft_wrap=True)


def _draw(said: list[Envelope], verbose: bool, svg: Path) -> None:
    """The dialogue as a picture: one line a message, without the figures behind it, so that it can be read at once."""
    import io

    from rich.console import Console

    from protocol.ledger import Ledger
    from services.cli.clockwork import elapsed
    from services.cli.dialogue import line, worth_a_line
    from services.cli.ending import told

    screen = Console(record=True, width=SVG_COLUMNS, file=io.StringIO(), markup=False, highlight=False, emoji=False)
    ledger = Ledger()
    for envelope in said:
        ledger.apply(envelope)
        if verbose or worth_a_line(envelope.data):
            text = line(envelope, elapsed(ledger, envelope))
            text.truncate(SVG_COLUMNS, overflow="ellipsis")
            screen.print(text, no_wrap=True)
    if ledger.ended is not None:
        screen.print()
        for name, figure in told(said[0].run, ledger.ended):
            screen.print(f"{name:>12}  {figure}", no_wrap=True, style="bold" if name == "test" else None)
    screen.save_svg(str(svg), title=f"postdocs: {said[0].run if said else 'nothing'}")


def _print_json(said: list[tuple[int, Envelope]]) -> None:
    from protocol.ledger import Ledger
    from services.cli.screen import print_json
    from services.report.facts import why_it_won, winner

    ledger = Ledger(envelope for _, envelope in said)
    dialogue = [
        {"sequence": sequence, "headline": envelope.data.headline(), **envelope.model_dump(mode="json")}
        for sequence, envelope in said
    ]
    run = said[0][1].run if said else None
    print_json({"run": run, "winner": winner(ledger), "why_it_won": why_it_won(ledger), "dialogue": dialogue})
