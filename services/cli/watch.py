"""`postdocs watch`: follows a run live from its journal: on a terminal as a full screen, in a pipe line by line."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from services.cli.options import DEFAULT_RUNS_DIR, AsJson, OnBus, RunName, RunsDir, Verbose

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import Console

    from protocol.control import RunEnded
    from protocol.envelope import Envelope
    from protocol.ledger import Ledger
    from services.cli.dashboard.view import Dashboard
    from services.run_folder import RunFolder
    from services.runs_on_bus import RunOnBus

    OnEnvelope = Callable[[int, Envelope, Ledger], None]

IDLE_SECONDS = 1.0
"""After so long without a message it looks whether the run is still there."""


def command(
    name: RunName = "latest",
    plain: Annotated[
        bool, typer.Option("--plain", help="Lines of the dialogue, as in a pipe, rather than a full screen.")
    ] = False,
    svg: Annotated[
        Path | None, typer.Option("--svg", metavar="FILE", help="Draw one screen into an SVG file instead.")
    ] = None,
    at: Annotated[
        str | None, typer.Option("--at", metavar="TIME", help="With --svg: as it was so long after the beginning, 75s.")
    ] = None,
    verbose: Verbose = False,
    runs_dir: RunsDir = DEFAULT_RUNS_DIR,
    bus: OnBus = None,
    as_json: AsJson = False,
) -> None:
    """Follow a run: what was said so far, then what is said, until it ends. With --json one message a line."""
    import asyncio

    from services.cli.screen import console
    from services.run_access import find_anywhere

    folder = asyncio.run(find_anywhere(runs_dir, name, bus))
    screen = console()
    if as_json:
        asyncio.run(_follow(folder, _print_line))
    elif svg is not None:
        asyncio.run(_draw(folder, svg, at))
    elif plain or not screen.is_terminal or screen.is_dumb_terminal:
        _scroll(folder, screen, verbose)
    else:
        _fill_screen(folder, screen, verbose)


def _print_line(sequence: int, envelope: Envelope, ledger: Ledger) -> None:
    from services.cli.screen import print_json

    print_json({"sequence": sequence, **envelope.model_dump(mode="json")}, indent=None)


def _scroll(folder: RunFolder | RunOnBus, screen: Console, verbose: bool) -> None:
    """The dialogue line by line, until the run has ended."""
    import asyncio

    from services.cli.ending import print_ending
    from services.cli.live import LiveView

    with LiveView(screen, verbose) as view:
        ended = asyncio.run(_follow(folder, view.on_envelope))
    if ended is not None:
        print_ending(folder.id, ended)
    else:
        screen.print(f"{folder.id} is not running: go on with `postdocs resume {folder.id}`", soft_wrap=True)


def _fill_screen(folder: RunFolder | RunOnBus, screen: Console, verbose: bool) -> None:
    """The full screen, until the user leaves it; then how the run has ended, if it has."""
    import asyncio

    from services.cli.ending import print_ending

    ended = asyncio.run(_until_left(folder, screen, verbose))
    if ended is not None:
        print_ending(folder.id, ended)


async def _until_left(folder: RunFolder | RunOnBus, screen: Console, verbose: bool) -> RunEnded | None:
    import asyncio

    from protocol.tasks import stop
    from services.cli.dashboard.view import Dashboard

    dashboard = Dashboard(screen, folder.id, verbose)
    async with dashboard.shown():
        following = asyncio.create_task(_follow_on(folder, dashboard))
        leaving = asyncio.create_task(dashboard.left.wait())
        try:
            await asyncio.wait({following, leaving}, return_when=asyncio.FIRST_COMPLETED)
            if following.done():
                following.result()  # raises what went wrong
                await leaving
        finally:
            await stop([following, leaving])
    return dashboard.frame().ledger.ended


async def _follow_on(folder: RunFolder | RunOnBus, dashboard: Dashboard) -> None:
    """Until the run has ended; one that stands still is waited for, as somebody may resume it."""
    import asyncio

    from services.run_access import keeps_going

    while True:
        dashboard.begin()
        dashboard.going = keeps_going(folder)
        if await _follow(folder, dashboard.on_envelope) is not None:
            return
        dashboard.going = False
        while not keeps_going(folder):  # noqa: ASYNC110 (another process begins it, which sets no event here)
            await asyncio.sleep(IDLE_SECONDS)


async def _draw(folder: RunFolder | RunOnBus, svg: Path, at: str | None) -> None:
    """One screen as a picture."""
    from services.cli.dashboard.picture import draw
    from services.cli.session import budget_seconds
    from services.run_access import read_journal

    said = [envelope for _, envelope in await read_journal(folder)]
    draw(folder.id, said, svg, budget_seconds(at, "--at"))


async def _follow(folder: RunFolder | RunOnBus, tell: OnEnvelope) -> RunEnded | None:
    """Until the run has ended, or until nobody keeps it going any more (None)."""
    from protocol.ledger import Ledger
    from services.run_access import keeps_going, open_journal

    ledger, after = Ledger(), 0
    async with open_journal(folder) as journal:
        live = keeps_going(folder)
        while True:
            said = journal.follow(after, idle=IDLE_SECONDS) if live else journal.replay(after)
            async for sequence, envelope in said:
                ledger.apply(envelope)
                tell(sequence, envelope, ledger)
                after = sequence
                if ledger.ended is not None:
                    return ledger.ended
            if not keeps_going(folder) or not journal.bus.client.is_connected:  # resumed, a run is at another address
                return None
