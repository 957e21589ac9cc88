"""A run counts on a worker that is on the bus already, but not on one that another run will stop."""

from __future__ import annotations

from pathlib import Path

import pytest

from protocol.bus import Bus
from services.executor.backends.local import LocalBackend
from services.executor.worker import SERVICE, Worker
from services.launcher import _worker_there


@pytest.mark.parametrize(("queue", "owner", "counts"), [("q", None, True), ("q", "run-a", False), ("r", None, False)])
async def test_a_run_counts_on_no_worker_of_another_run_or_queue(
    bus: Bus, queue: str, owner: str | None, counts: bool, tmp_path: Path
) -> None:
    from nats.micro import add_service

    worker = Worker(bus, LocalBackend(1), queue=queue, slots=1, name="ada", owner=owner)
    described = worker._description()
    assert described.name == SERVICE
    service = await add_service(bus.client, described)
    assert await _worker_there(bus, "q") is counts
    await service.stop()
    assert await _worker_there(bus, "q") is False
