"""`postdocs watch`: follows a run live from its journal, as if one had started it here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.cli.options import DEFAULT_RUNS_DIR, AsJson, OnBus, RunName, RunsDir, Verbose

if TYPE_CHECKING:
    from collections.abc import Callable

    from protocol.control import RunEnded
    from protocol.envelope import Envelope
    from protocol.ledger import Ledger
    from services.run_folder import RunFolder
    from services.runs_on_bus import RunOnBus

    OnEnvelope = Callable[[int, Envelope, Ledger], None]

IDLE_SECONDS = 1.0
"""After so long without a message it looks whether the run is still there."""


def command(
    name: RunName = "latest",
    verbose: Verbose = False,
    runs_dir: RunsDir = DEFAULT_RUNS_DIR,
    bus: OnBus = None,
    as_json: AsJson = False,
) -> None:
    """Follow a run: what was said so far, then what is said, until it ends. With --json one message a line."""
    import asyncio

    from services.cli.ending import print_ending
    from services.cli.live import LiveView
    from services.cli.screen import console
    from services.run_access import find_anywhere

    folder = asyncio.run(find_anywhere(runs_dir, name, bus))
    if as_json:
        asyncio.run(_follow(folder, _print_line))
        return
    screen = console()
    with LiveView(screen, verbose) as view:
        ended = asyncio.run(_follow(folder, view.on_envelope))
    if ended is not None:
        print_ending(folder.id, ended)
    else:
        screen.print(f"{folder.id} is not running: go on with `postdocs resume {folder.id}`", soft_wrap=True)


def _print_line(sequence: int, envelope: Envelope, ledger: Ledger) -> None:
    from services.cli.screen import print_json

    print_json({"sequence": sequence, **envelope.model_dump(mode="json")}, indent=None)


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
            if not keeps_going(folder):
                return None
