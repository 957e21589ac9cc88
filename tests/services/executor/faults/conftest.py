"""Fixtures: two workers, a short lease, and what the job does when nobody disturbs it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from executor_harness import CrewRun
from faults_harness import Pair

from services.bus_server import Connection

LEASE = 5.0
"""Half of what it is in earnest: long enough for a busy machine, and the tests wait for the end of many."""


@pytest.fixture(autouse=True)
def short_lease(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who submits a job makes its lane of the queue; the workers go by what that says."""
    monkeypatch.setattr("protocol.queue.LEASE", LEASE)


@pytest.fixture(scope="module")
def pair(own_server: Connection) -> Iterator[Pair]:
    workers = Pair(own_server)
    yield workers
    workers.stop()


@pytest.fixture
def crew(run: CrewRun) -> CrewRun:
    return run
