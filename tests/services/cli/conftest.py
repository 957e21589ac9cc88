"""Runs on disk for the command line to look at: their journals are written by a real NATS server."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from story_of_a_run import RUN, whole_story
from typer.testing import CliRunner, Result

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


@pytest.fixture(scope="module")
def runs_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one run that has ended and, newer, one that was stopped before its end."""
    root = tmp_path_factory.mktemp("runs")
    keep(RunFolder(root / RUN), whole_story(root / RUN))
    keep(RunFolder(root / UNENDED), whole_story(root / UNENDED, UNENDED, ends=False))
    return root


@pytest.fixture
def cli(runs_dir: Path) -> Cli:
    """`cli("show", RUN)`: the command line over `runs_dir`, in this process."""
    from services.cli.main import app

    def call(*args: str) -> Result:
        return CliRunner().invoke(app, [*args, "--runs-dir", str(runs_dir)], prog_name="postdocs")

    return call
