"""`postdocs cancel`: ends a run in good order; its best so far stays in `final_model/`."""

from __future__ import annotations

from typing import Annotated

import typer

from services.cli.options import DEFAULT_RUNS_DIR, OnBus, RunName, RunsDir


def command(
    name: RunName,
    reason: Annotated[str, typer.Option("--reason", help="Why; it stands in the journal.")] = "asked by the user",
    runs_dir: RunsDir = DEFAULT_RUNS_DIR,
    bus: OnBus = None,
) -> None:
    """End a run: it verifies and reports, and ships its best so far."""
    import asyncio

    from protocol.control import CancelRun
    from services.cli.say import say

    typer.echo(asyncio.run(say(CancelRun(reason=reason), name, runs_dir, "ends the run", bus)))
