"""Writes runs as the launcher leaves them; their journals are written by a real NATS server."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable

from typer.testing import Result

from protocol.envelope import Envelope
from protocol.journal import Journal
from protocol.ledger import Ledger
from services.run_access import own_server
from services.run_folder import RunFolder

UNENDED = "sums-0302-c3d4"

Cli = Callable[..., Result]


def keep(folder: RunFolder, envelopes: list[Envelope]) -> None:
    """Write a run as the launcher leaves it: journal, brief.json, ledger.jsonl, ended.json."""
    folder.root.mkdir(parents=True)
    ledger = Ledger(envelopes)

    async def write() -> None:
        async with own_server(folder) as connection:
            bus = await connection.connect("test")
            journal = Journal(bus, folder.id)
            await journal.create()
            for envelope in envelopes:
                await journal.append(envelope)
            await bus.close()

    asyncio.run(write())
    if ledger.brief:
        (folder.root / "brief.json").write_text(ledger.brief.model_dump_json())
    folder.ledger.write_text("".join(json.dumps(row) + "\n" for row in ledger.rows()))
    if ledger.ended:
        (folder.root / "ended.json").write_text(ledger.ended.model_dump_json())
