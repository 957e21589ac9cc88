"""Fixtures shared by all tests: a real NATS server on a free port, in a temporary folder."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from protocol.bus import Bus
from services.bus_server import BusServer, Connection

os.environ["POSTDOCS_TRACK"] = "none"  # runs of the tests leave nothing in the store of whoever runs them
os.environ["POSTDOCS_MCP"] = ""  # and start none of their MCP servers


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Connection]:
    async with BusServer(tmp_path / "bus") as running:
        yield running.connection


@pytest.fixture
async def bus(server: Connection) -> AsyncIterator[Bus]:
    connected = await server.connect("test")
    yield connected
    await connected.close()
