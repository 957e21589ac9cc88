"""The work queue with real workers on a real bus: lanes, priorities, shares, wake-up, pause and drain. No-op jobs."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from benchmarks.noop_backend import NoopBackend
from protocol.bus import Bus
from protocol.envelope import wrap
from protocol.job import CancelJob, Job, JobAccepted, JobCancelled, JobEvent, JobFailed, JobSpec, Needs
from protocol.journal import Journal
from protocol.lane import lane_of
from protocol.message import message_id
from protocol.queue import cancel, ensure_lane, ensure_queue, submit
from protocol.subjects import JOBS_STREAM
from services import worker_access
from services.bus_server import Connection
from services.executor import queue as worker_queue
from services.executor.backends.backend import Terms
from services.executor.inventory.machine import Gpu, Machine
from services.executor.queue import JobQueue
from services.executor.worker import Worker

SMALL = Machine(cpus=8, memory_gb=32.0)
TWO_GPUS = SMALL.model_copy(
    update={"gpus": tuple(Gpu(uuid=f"GPU-{n}", name="NVIDIA H100", memory_gb=80.0) for n in range(2))}
)


class Runs:
    """Runs that submit no-op jobs, and their journals."""

    def __init__(self, bus: Bus, folder: Path) -> None:
        self.bus, self.folder = bus, folder

    async def submit(self, run: str, id: str, seconds: float = 0.0, priority: int = 5, **needs: Any) -> Job:
        await Journal(self.bus, run).create()
        job = Job(
            id=message_id(run, id),
            run=run,
            experiment=id,
            priority=priority,
            folder=str(self.folder / run / id),
            spec=JobSpec(files={}, argv=("noop", str(seconds)), seconds=60.0, needs=Needs(**needs)),
        )
        await submit(self.bus, wrap(job, run=run, sender="experimentalist", recipient="worker"))
        return job

    async def events(self, *runs: str, kind: type[JobEvent] = JobFailed) -> list[Any]:
        """In the order of their times."""
        found = [e.data for run in runs async for _, e in Journal(self.bus, run).replay() if isinstance(e.data, kind)]
        return sorted(found, key=lambda event: event.at)

    async def ended(self, count: int, *runs: str, seconds: float = 30.0) -> None:
        """Wait until so many jobs have ended: a no-op job leaves no model, and fails."""

        async def all_have() -> bool:
            return len(await self.events(*runs)) >= count

        await soon(all_have, seconds)

    async def order(self, *runs: str) -> list[str]:
        return [event.experiment for event in await self.events(*runs, kind=JobAccepted)]


@pytest.fixture
def runs(bus: Bus, tmp_path: Path) -> Runs:
    return Runs(bus, tmp_path)


@asynccontextmanager
async def working(
    server: Connection, name: str = "ada", machine: Machine = SMALL, slots: int | None = None
) -> AsyncIterator[Worker]:
    """A worker of its own connection, as a process has it."""
    connection = await server.connect(name)
    worker = Worker(connection, NoopBackend(machine), queue="default", name=name, slots=slots)
    task = asyncio.create_task(worker.run())
    try:
        yield worker
    finally:
        await worker.stop(task)
        await connection.close()


async def soon(true: Callable[[], bool | Awaitable[bool]], seconds: float = 10.0) -> None:
    async with asyncio.timeout(seconds):
        while True:
            found = true()
            if found if isinstance(found, bool) else await found:
                return
            await asyncio.sleep(0.02)


async def test_a_higher_priority_goes_first(server: Connection, runs: Runs) -> None:
    for priority in (0, 5, 9):
        for n in range(2):
            await runs.submit("r", f"p{priority}-{n}", priority=priority)
    async with working(server):
        await runs.ended(6, "r")
    assert await runs.order("r") == ["p9-0", "p9-1", "p5-0", "p5-1", "p0-0", "p0-1"]


async def test_two_runs_share_one_slot_though_one_came_with_many_jobs(server: Connection, runs: Runs) -> None:
    for n in range(6):
        await runs.submit("greedy", f"g{n}")
    for n in range(3):
        await runs.submit("late", f"l{n}")
    async with working(server):
        await runs.ended(9, "greedy", "late")
    first = (await runs.order("greedy", "late"))[:6]
    assert Counter(name[0] for name in first) == {"g": 3, "l": 3}


async def test_runs_share_by_what_all_workers_do_for_them(server: Connection, runs: Runs) -> None:
    async with working(server, "ada"), working(server, "bob"):
        await runs.submit("a", "long", seconds=20.0)
        await soon(lambda: _any_accepted(runs, "a"))
        for n in range(3):
            await runs.submit("a", f"a{n}", seconds=0.05)
            await runs.submit("b", f"b{n}", seconds=0.05)
        await runs.ended(3, "b")
        # run a has a job under way on the other worker: run b goes first on this one, once both wait
        assert len(await runs.events("a")) <= 1


async def _any_accepted(runs: Runs, run: str) -> bool:
    return bool(await runs.events(run, kind=JobAccepted))


async def test_each_job_goes_to_one_worker(server: Connection, runs: Runs) -> None:
    for n in range(40):
        await runs.submit(f"r{n % 4}", f"j{n}", seconds=0.02)
    async with working(server, "ada"), working(server, "bob"):
        await runs.ended(40, *(f"r{n}" for n in range(4)))
    accepted = await runs.events(*(f"r{n}" for n in range(4)), kind=JobAccepted)
    assert len(accepted) == 40
    assert {event.worker for event in accepted} == {"ada", "bob"}


async def test_a_worker_is_woken_when_a_job_is_submitted(
    server: Connection, runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.executor.worker.POLL", 3600.0)
    async with working(server):
        await runs.submit("r", "first")
        await runs.ended(1, "r")
        await runs.submit("r", "second")
        await runs.ended(2, "r", seconds=20.0)


async def test_a_job_that_was_not_announced_is_found(server: Connection, runs: Runs, bus: Bus) -> None:
    async with working(server):
        await runs.submit("r", "first")
        await runs.ended(1, "r")
        job = await runs.submit("r", "second")
        await runs.ended(2, "r")
        job = job.model_copy(update={"id": "unheard", "experiment": "unheard"})
        said = wrap(job, run="r", sender="experimentalist")
        await bus.jetstream.publish(lane_of(job).subject(job.id), said.model_dump_json().encode())
        await runs.ended(3, "r", seconds=20.0)


async def test_jobs_run_at_once_on_the_gpus_that_each_was_given(server: Connection, runs: Runs) -> None:
    async with working(server, machine=TWO_GPUS) as worker:
        await runs.submit("r", "a", seconds=20.0, gpus=1)
        await runs.submit("r", "b", seconds=20.0, gpus=1)
        await runs.submit("r", "c", seconds=20.0, gpus=1)
        started: list[tuple[Job, Terms]] = worker.backend.started  # type: ignore[attr-defined]
        await soon(lambda: len(started) == 2)
        assert {gpu.uuid for _, terms in started for gpu in terms.grant.gpus} == {"GPU-0", "GPU-1"}
        assert {event.device for event in await runs.events("r", kind=JobAccepted)} == {"NVIDIA H100"}
        await asyncio.sleep(0.3)
        assert len(worker.state().jobs) == 2


async def test_what_no_machine_here_has_waits_and_is_named(server: Connection, runs: Runs, bus: Bus) -> None:
    await runs.submit("r", "large", gpus=8, kind="H100", min_memory_gb=40, priority=9)
    await runs.submit("r", "small")
    async with working(server, machine=TWO_GPUS):
        await runs.ended(1, "r")
        (state,) = await worker_access.workers(bus)
        (waiting,) = state.unserved
        assert (waiting.run, waiting.waiting) == ("r", 1)
        assert waiting.needs == "8 × h100, 40 GB on each"
    assert await runs.order("r") == ["small"]


async def test_a_paused_worker_takes_no_job_and_a_drained_one_ends(server: Connection, runs: Runs, bus: Bus) -> None:
    connection = await server.connect("ada")
    worker = Worker(connection, NoopBackend(SMALL), queue="default", name="ada")
    task = asyncio.create_task(worker.run())
    await soon(lambda: _named(bus, "ada"))
    (state,) = await worker_access.order(bus, "ada", "pause")
    assert (state.condition, state.jobs, state.slots) == ("paused", (), 1)
    job = await runs.submit("r", "a", seconds=60.0)
    await asyncio.sleep(0.3)
    assert await runs.order("r") == []
    await worker_access.order(bus, "ada", "resume")
    await soon(lambda: _any_accepted(runs, "r"))
    (state,) = await worker_access.order(bus, "ada", "drain")
    assert state.condition == "draining"
    assert [(job.run, job.experiment, job.device) for job in state.jobs] == [("r", "a", "cpu")]
    await runs.submit("r", "b")
    await asyncio.sleep(0.3)
    assert not task.done()  # the job that it has is let finish
    await cancel(bus, CancelJob(job=job.id, experiment="a", reason="enough"), run="r", sender="user")
    async with asyncio.timeout(20):
        await task
    await connection.close()
    assert [event.experiment for event in await runs.events("r", kind=JobCancelled)] == ["a"]
    assert await runs.order("r") == ["a"]  # b waits for another worker


async def _named(bus: Bus, name: str) -> bool:
    return name in {state.name for state in await worker_access.workers(bus)}


async def test_an_unknown_worker_is_bad_input_and_those_that_are_there_are_named(server: Connection, bus: Bus) -> None:
    with pytest.raises(worker_access.WorkerUnknown, match="there is none"):
        await worker_access.order(bus, "eve", "pause")
    async with working(server, "ada"):
        await soon(lambda: _named(bus, "ada"))
        with pytest.raises(
            worker_access.WorkerUnknown, match="no worker 'eve' on the bus \\(there are: ada\\)"
        ) as told:
            await worker_access.order(bus, "eve", "pause")
    assert told.value.exit_code == 2


async def test_three_hundred_lanes_survive_their_worker(server: Connection, runs: Runs) -> None:
    """More lanes than the server tells of at a time (256)."""
    names = [f"r{n}" for n in range(30)]
    for n, run in enumerate(names):
        for priority in range(10):
            await runs.submit(run, f"j{n}-{priority}", priority=priority)
    async with working(server, "ada", slots=4):
        await runs.ended(50, *names)
    async with working(server, "bob", slots=4):
        await runs.ended(300, *names, seconds=60.0)
    ends = Counter(event.job for event in await runs.events(*names))
    assert len(ends) == 300 and set(ends.values()) == {1}


async def test_a_lane_that_the_server_has_forgotten_loses_no_job(server: Connection, runs: Runs, bus: Bus) -> None:
    await ensure_queue(bus)
    job = await runs.submit("r", "kept", gpus=0)
    lane = lane_of(job)
    await bus.jetstream.delete_consumer(JOBS_STREAM, lane.consumer)
    await ensure_lane(bus, lane, idle=0.2)  # as the server does by itself when nobody asks for so long
    await soon(lambda: _forgotten(bus))
    async with working(server):
        await runs.ended(1, "r")
        await bus.jetstream.delete_consumer(JOBS_STREAM, lane.consumer)  # under the worker's hands
        said = wrap(job.model_copy(update={"id": "other"}), run="r", sender="experimentalist")
        await bus.jetstream.publish(lane.subject("other"), said.model_dump_json().encode())
        await runs.ended(2, "r")


async def _forgotten(bus: Bus) -> bool:
    return not await bus.jetstream.consumers_info(JOBS_STREAM)


async def test_a_lane_with_a_job_under_way_is_not_forgotten(bus: Bus, runs: Runs) -> None:
    queue = JobQueue(bus, "default")
    await queue.open()
    job = await runs.submit("r", "slow")
    await bus.jetstream.delete_consumer(JOBS_STREAM, lane_of(job).consumer)
    await ensure_lane(bus, lane_of(job), idle=0.2)
    delivery = await queue.take(lane_of(job))
    assert delivery is not None
    for _ in range(8):
        await asyncio.sleep(0.1)
        await delivery.msg.in_progress()
    await delivery.done()  # raises when its consumer is gone
    assert await queue.lanes() == []
    await queue.close()


async def test_what_stands_in_no_lane_goes_to_the_dead_letters(bus: Bus, server: Connection) -> None:
    await ensure_queue(bus)
    letters = await bus.client.subscribe("dead.worker")
    await bus.client.flush()
    await bus.jetstream.publish("jobs.default.old-style", b"{}")
    async with working(server):
        assert b"no lane" in (await letters.next_msg(timeout=10)).data
        await soon(lambda: _empty(bus))


async def _empty(bus: Bus) -> bool:
    return (await bus.jetstream.stream_info(JOBS_STREAM)).state.messages == 0


async def test_an_abandoned_job_counts_as_waiting_and_one_that_is_held_does_not(
    bus: Bus, runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("protocol.queue.LEASE", 1.0)
    mine, theirs = JobQueue(bus, "default"), JobQueue(bus, "default")
    for queue in (mine, theirs):
        await queue.open()
    job = await runs.submit("r", "a")
    await mine.lanes()
    delivery = await mine.take(lane_of(job))
    assert delivery is not None
    keeping = asyncio.create_task(delivery.keep(_nothing))
    begun = time.monotonic()
    while time.monotonic() - begun < 1.5:
        (state,) = await theirs.lanes()
        assert (state.waiting, state.running) == (0, 1)
        await asyncio.sleep(0.1)
    keeping.cancel()  # its worker dies
    await asyncio.wait({keeping})
    await soon(lambda: _waits(theirs))
    await soon(lambda: _can_be_taken(theirs, job))
    for queue in (mine, theirs):
        await queue.close()


async def _nothing(until: float) -> None:
    return


async def _waits(queue: JobQueue) -> bool:
    return [state.waiting for state in await queue.lanes()] == [1]


async def _can_be_taken(queue: JobQueue, job: Job) -> bool:
    delivery = await queue.take(lane_of(job))
    if delivery is None:
        await asyncio.sleep(worker_queue.EMPTY_SECONDS)
        return False
    assert delivery.count == 2
    await delivery.done()
    return True


async def test_a_lane_that_gives_nothing_holds_up_no_other(server: Connection, runs: Runs, bus: Bus) -> None:
    stuck = await runs.submit("r", "stuck", priority=9)
    await runs.submit("r", "free", priority=0)
    lane = lane_of(stuck).consumer
    await bus.jetstream.pause_consumer(JOBS_STREAM, lane, "2999-01-01T00:00:00Z")
    async with working(server):
        await runs.ended(1, "r", seconds=40.0)
        assert await runs.order("r") == ["free"]
        await bus.jetstream.resume_consumer(JOBS_STREAM, lane)
        await runs.ended(2, "r", seconds=40.0)
