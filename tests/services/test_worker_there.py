"""A run counts on a worker that is on the bus already, but not on one that another run will stop."""

from __future__ import annotations

from pathlib import Path

import pytest

from protocol.brief import Brief, Compute, DataSource, EvalPlan, Source, Task
from protocol.bus import Bus
from protocol.errors import BadInput
from services.bus_server import Connection
from services.children import Children
from services.executor.backends import select
from services.executor.backends.local import LocalBackend
from services.executor.presence import SERVICE
from services.executor.worker import Worker
from services.launcher import Options, _start, _worker_there
from services.run_folder import RunFolder


@pytest.mark.parametrize(("queue", "owner", "counts"), [("q", None, True), ("q", "run-a", False), ("r", None, False)])
async def test_a_run_counts_on_no_worker_of_another_run_or_queue(
    bus: Bus, queue: str, owner: str | None, counts: bool, tmp_path: Path
) -> None:
    from nats.micro import add_service

    worker = Worker(bus, LocalBackend(), queue=queue, slots=1, name="ada", owner=owner)
    described = worker._presence.description()
    assert described.name == SERVICE
    service = await add_service(bus.client, described)
    assert await _worker_there(bus, Compute(queue="q")) is counts
    assert await _worker_there(bus, Compute(queue="q", backend="local")) is counts
    assert await _worker_there(bus, Compute(queue="q", backend="ray")) is False
    await service.stop()
    assert await _worker_there(bus, Compute(queue="q")) is False


async def test_a_run_that_nothing_here_can_serve_is_refused_before_a_worker_starts(
    bus: Bus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(select, "configured", lambda: ())
    rows = Source(file="rows.jsonl")
    task = Task(
        name="t",
        goal="g",
        base_model="m",
        prompt="{q}",
        answer="{a}",
        data=(DataSource(name="d", file="rows.jsonl"),),
        eval=EvalPlan(dev=rows, test=rows),
        compute=Compute(gpus=64),
    )
    brief = Brief(task=task, folder=str(tmp_path), task_folder=str(tmp_path))
    children = Children(Connection(url="nats://127.0.0.1:1"), tmp_path)
    with pytest.raises(BadInput, match=r"this machine does not have what the task's `compute` asks for.*RAY_ADDRESS"):
        await _start(children, bus, RunFolder(tmp_path), brief, Options(worker="local"))
    assert list(tmp_path.glob("*.log")) == []
