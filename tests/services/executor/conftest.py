"""Fixtures: a bus and a worker process that all tests share, a bus of a module's own, and a run of each test's own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from executor_harness import CrewRun, WorkerProcess

from protocol.bus import Bus
from protocol.message import message_id
from services.bus_server import BusServer, Connection


def _server(folder: Path) -> Iterator[Connection]:
    with asyncio.Runner() as runner:
        server = BusServer(folder)
        runner.run(server.start())
        yield server.connection
        runner.run(server.stop())


@pytest.fixture(scope="session")
def worker_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Connection]:
    yield from _server(tmp_path_factory.mktemp("bus"))


@pytest.fixture(scope="session")
def worker(worker_server: Connection) -> Iterator[WorkerProcess]:
    """The one that all tests share which ask for it: to have torch loaded takes longer than most of them."""
    process = WorkerProcess(worker_server, "shared")
    yield process
    process.stop()


@pytest.fixture(scope="module")
def own_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Connection]:
    yield from _server(tmp_path_factory.mktemp("bus"))


@pytest.fixture
def at(request: pytest.FixtureRequest) -> Connection:
    """The bus of a test: the shared worker's where it asks for that, else its module's own, which has other workers."""
    server: Connection = request.getfixturevalue("worker_server" if "worker" in request.fixturenames else "own_server")
    return server


@pytest.fixture
async def shared_bus(at: Connection) -> AsyncIterator[Bus]:
    connected = await at.connect("test")
    yield connected
    await connected.close()


@pytest.fixture
async def run(shared_bus: Bus, request: pytest.FixtureRequest, tmp_path: Path) -> CrewRun:
    made = CrewRun(shared_bus, message_id(request.node.nodeid), tmp_path)
    await made.journal.create()
    return made
