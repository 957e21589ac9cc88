"""`postdocs workers`: who is there, and what one is told; with a real worker's presence on a real bus."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import pytest
from typer.testing import CliRunner, Result

from benchmarks.noop_backend import NoopBackend
from services.bus_server import Connection
from services.cli.main import app
from services.executor.worker import Worker


@pytest.fixture
async def worker(server: Connection, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Worker]:
    monkeypatch.setenv("POSTDOCS_BUS_URL", server.url)
    monkeypatch.setenv("POSTDOCS_BUS_TOKEN", server.token or "")
    connection = await server.connect("ada")
    made = Worker(connection, NoopBackend(), queue="default", name="ada")
    task = asyncio.create_task(made.run())
    yield made
    await made.stop(task)
    await connection.close()


async def command(*argv: str) -> Result:
    return await asyncio.to_thread(CliRunner().invoke, app, ["workers", *argv])


async def test_workers_are_listed_and_told(worker: Worker) -> None:
    while worker.condition == "working":  # until its endpoint is there
        done = await command("pause", "ada", "--json")
    (row,) = json.loads(done.stdout)
    assert (row["name"], row["condition"], row["queue"], row["jobs"]) == ("ada", "paused", "default", [])
    listed = await command()
    assert listed.exit_code == 0
    assert all(word in listed.stdout for word in ("ada", "cpu", "paused", "0/1"))
    assert (await command("resume", "ada")).exit_code == 0
    assert worker.condition == "working"
    drained = await command("drain", "ada")
    assert "draining" in drained.stdout and worker.condition == "draining"


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        (["pause", "eve"], "no worker 'eve' on the bus"),
        (["stop", "ada"], "'stop' is nothing to tell a worker: pause, resume or drain"),
        (["pause"], "pause which worker?"),
    ],
)
async def test_what_cannot_be_done_is_bad_input(worker: Worker, argv: list[str], told: str) -> None:
    done = await command(*argv)
    assert done.exit_code == 2
    assert told in done.stderr


async def test_an_empty_bus_says_how_to_start_one(server: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSTDOCS_BUS_TOKEN", server.token or "")
    assert "postdocs worker --bus URL" in (await command("--bus", server.url)).stdout


def test_without_a_bus_it_says_what_to_give(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("POSTDOCS_BUS_URL", raising=False)
    done = CliRunner().invoke(app, ["workers"])
    assert done.exit_code == 2 and "POSTDOCS_BUS_URL" in done.stderr
