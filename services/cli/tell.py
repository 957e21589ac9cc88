"""`postdocs tell`: says something to the crew in mid-run."""

from __future__ import annotations

from typing import Annotated

import typer

from services.cli.options import DEFAULT_RUNS_DIR, OnBus, RunName, RunsDir


def command(
    name: RunName,
    text: Annotated[str, typer.Argument(metavar="TEXT", help="What to tell the crew.")],
    runs_dir: RunsDir = DEFAULT_RUNS_DIR,
    bus: OnBus = None,
) -> None:
    """Tell the crew something; it is heard at the next decision."""
    import asyncio

    from protocol.control import Tell
    from protocol.errors import BadInput
    from services.cli.say import say

    if not text.strip():
        raise BadInput("there is nothing in TEXT to tell the crew")
    typer.echo(asyncio.run(say(Tell(text=text.strip()), name, runs_dir, "tells the crew", bus)))
