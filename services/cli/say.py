"""Appends what the user says to the journal of a run. Used by `cancel` and `tell`."""

from __future__ import annotations

import time
from pathlib import Path

from protocol.envelope import wrap
from protocol.errors import BadInput
from protocol.ledger import Ledger
from protocol.message import Message, message_id
from services.run_access import find_anywhere, keeps_going, open_journal

SENDER = "user"


async def say(message: Message, name: str, runs_dir: Path, what: str, bus: str | None = None) -> str:
    """Write it down, and tell when it will be heard. Raises `BadInput` when the run has ended."""
    folder = await find_anywhere(runs_dir, name, bus)
    live = keeps_going(folder)
    # the same words twice are two messages, hence the time in the id
    id = message_id(folder.id, SENDER, message.type, time.time_ns())
    async with open_journal(folder) as journal:
        ended = Ledger([envelope async for _, envelope in journal.replay()]).ended
        if ended is not None:
            raise BadInput(f"{folder.id} has ended already ({ended.outcome.replace('_', ' ')})")
        await journal.append(wrap(message, run=folder.id, sender=SENDER, id=id))
    if live:
        return f"{folder.id}: it stands in the journal and {what}"
    return f"{folder.id} is not running: it stands in the journal and {what} after `postdocs resume {folder.id}`"
