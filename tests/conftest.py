"""Fixtures shared by all tests: a real NATS server on a free port, in a temporary folder."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from protocol.bus import Bus
from services.bus_server import BusServer, Connection

os.environ["POSTDOCS_TRACK"] = "none"  # runs of the tests leave nothing in the store of whoever runs them
os.environ["POSTDOCS_MCP"] = ""  # and start none of their MCP servers
os.environ["OMP_WAIT_POLICY"] = "PASSIVE"
"""Tests that run at once share the cores: threads that wait must leave them to others (half of all CPU time)."""
XET = tempfile.mkdtemp(prefix="postdocs-xet-")
"""hf_xet remembers by address what a server has: another one at the port of an earlier one has none of it."""
os.environ["HF_XET_CACHE"] = XET
atexit.register(shutil.rmtree, XET, ignore_errors=True)


LONG = (
    "test_contract_ray.py",
    "test_contract_hf_jobs.py",
    "test_graph_server.py",
    "test_tracking.py",
    "test_executor_artifacts.py",
    "test_contract_local.py",
    "test_kill_at_a_random_step.py",
    "test_compose_file.py",
)
"""Files of tests that take a minute and more. They go first: a file is one process's, and nobody should wait for it."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: LONG.index(item.path.name) if item.path.name in LONG else len(LONG))


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Connection]:
    async with BusServer(tmp_path / "bus") as running:
        yield running.connection


@pytest.fixture
async def bus(server: Connection) -> AsyncIterator[Bus]:
    connected = await server.connect("test")
    yield connected
    await connected.close()
