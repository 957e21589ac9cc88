"""Fixtures: a bus and a worker process shared by the tests of a module, and a run of each test's own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from executor_harness import CrewRun, WorkerProcess

from protocol.bus import Bus
from protocol.message import message_id
from services.bus_server import BusServer, Connection


@pytest.fixture(scope="module")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Connection]:
    with asyncio.Runner() as runner:
        server = BusServer(tmp_path_factory.mktemp("bus"))
        runner.run(server.start())
        yield server.connection
        runner.run(server.stop())


@pytest.fixture(scope="module")
def worker(shared_server: Connection) -> Iterator[WorkerProcess]:
    process = WorkerProcess(shared_server, "shared")
    yield process
    process.stop()


@pytest.fixture
async def shared_bus(shared_server: Connection) -> AsyncIterator[Bus]:
    connected = await shared_server.connect("test")
    yield connected
    await connected.close()


@pytest.fixture
async def run(shared_bus: Bus, request: pytest.FixtureRequest, tmp_path: Path) -> CrewRun:
    made = CrewRun(shared_bus, message_id(request.node.nodeid), tmp_path)
    await made.journal.create()
    return made
