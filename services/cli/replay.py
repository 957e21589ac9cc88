"""`postdocs replay`: tells a run's whole dialogue from its journal alone, and why the winner won."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated

import typer

from services.cli.options import DEFAULT_RUNS_DIR, AsJson, RunName, RunsDir, Verbose

if TYPE_CHECKING:
    from protocol.envelope import Envelope


def command(
    name: RunName = "latest",
    speed: Annotated[
        float | None,
        typer.Option("--speed", metavar="X", min=0.001, help="X times as fast as it was; at once without."),
    ] = None,
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


def _print_json(said: list[tuple[int, Envelope]]) -> None:
    from protocol.ledger import Ledger
    from services.cli.screen import print_json
    from services.report_facts import why_it_won, winner

    ledger = Ledger(envelope for _, envelope in said)
    dialogue = [
        {"sequence": sequence, "headline": envelope.data.headline(), **envelope.model_dump(mode="json")}
        for sequence, envelope in said
    ]
    run = said[0][1].run if said else None
    print_json({"run": run, "winner": winner(ledger), "why_it_won": why_it_won(ledger), "dialogue": dialogue})
