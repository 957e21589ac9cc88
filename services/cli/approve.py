"""`postdocs approve`: answers what a run has asked, in Studio or wherever it waits."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from services.cli.options import DEFAULT_RUNS_DIR, OnBus, RunName, RunsDir


def command(
    name: RunName,
    no: Annotated[bool, typer.Option("--no", help="Do not approve.")] = False,
    runs_dir: RunsDir = DEFAULT_RUNS_DIR,
    bus: OnBus = None,
) -> None:
    """Approve what a run waits for (with --no: refuse it). It goes on at once."""
    import asyncio

    typer.echo(asyncio.run(_answer(name, not no, runs_dir, bus)))


async def _answer(name: str, yes: bool, runs_dir: Path, bus: str | None) -> str:
    """Write the answer into the journal. Raises `BadInput` when the run waits for nothing."""
    from protocol.envelope import wrap
    from protocol.errors import BadInput
    from protocol.ledger import Ledger
    from protocol.studio import Approval, approval_id
    from services.run_access import find_anywhere, open_journal

    run = await find_anywhere(runs_dir, name, bus)
    async with open_journal(run) as journal:
        waiting = list(Ledger([envelope async for _, envelope in journal.replay()]).waiting)
        if not waiting:
            raise BadInput(f"{run.id} waits for no approval")
        answer = Approval(about=waiting[-1], yes=yes)
        id = approval_id(run.id, answer.about, Approval)
        await journal.append(wrap(answer, run=run.id, sender="user", id=id))
    return f"{run.id}: {answer.headline()}"
