"""Workers on a real Ray cluster, from the queue to the end of a job, over the death of one of them."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from executor_harness import CrewRun, WorkerProcess

from protocol.job import JobAccepted, JobCheckpoint, JobFinished, JobMetric, JobStarted
from services.bus_server import Connection

pytest.importorskip("ray", reason="the cluster extra is not installed")
from ray_node import RayNode

START_SECONDS = 180.0

pytestmark = pytest.mark.slow


@pytest.fixture
def workers(own_server: Connection) -> Iterator[dict[str, WorkerProcess]]:
    node = RayNode(cpus=2)
    node.start()
    started: dict[str, WorkerProcess] = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_ADDRESS", node.address)
        try:
            node.wait()
            for name in ("ada", "bea"):
                started[name] = WorkerProcess(own_server, name, "--backend", "ray", slots=1)
            yield started
        finally:
            for worker in started.values():
                if worker.process.poll() is None:
                    worker.stop()
            node.stop()


async def test_a_job_on_ray_goes_on_from_its_checkpoint_when_its_worker_is_killed(
    workers: dict[str, WorkerProcess], run: CrewRun
) -> None:
    arguments = ("--steps", "300", "--pause", "0.1", "--save-every", "10")
    job = await run.submit("sft.py", *arguments, id="survivor", seconds=300.0)
    accepted = await run.wait(job, JobAccepted, seconds=START_SECONDS)
    assert accepted.backend == "ray" and accepted.sandboxed
    await run.wait(job, JobCheckpoint, seconds=START_SECONDS)
    victim = workers[accepted.worker]
    victim.process.send_signal(signal.SIGKILL)
    victim.process.wait(timeout=5)

    end = await run.end(job, seconds=START_SECONDS)
    assert isinstance(end, JobFinished), end
    assert end.steps == 300 and Path(end.model).is_dir()
    first, second = await run.events(job, JobStarted)
    assert first.resumed_from is None and second.resumed_from is not None
    resumed = int(second.resumed_from.rsplit("-", 1)[1])
    said = [envelope.data for _, envelope in await run.said()]
    after = [event.step for event in said[said.index(second) :] if isinstance(event, JobMetric)]
    assert resumed < after[0] <= resumed + 10 and after == sorted(after)
    one, two = await run.events(job, JobAccepted)
    assert one.worker != two.worker
