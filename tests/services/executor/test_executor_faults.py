"""Workers that are stopped, killed, or lose their zygote: every job goes on, and ends exactly once."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from executor_harness import ENDS, CrewRun, WorkerProcess, living, taken, until

from protocol.bus import Bus
from protocol.envelope import wrap
from protocol.job import JobAccepted, JobCheckpoint, JobFailed, JobFinished, JobGivenBack, JobMetric, JobStarted
from protocol.lane import Lane, lane_of
from protocol.queue import accepted_id, ensure_lane
from services.bus_server import Connection
from services.executor.attempt import Attempt
from services.executor.backends.local import LocalBackend
from services.executor.delivery import Delivery
from services.executor.lease import LeaseLost, clock
from services.executor.queue import BadQueueName, JobQueue

Start = Callable[[str], WorkerProcess]


@pytest.fixture
def start(own_server: Connection) -> Iterator[Start]:
    """Starts a worker with one slot, by its name."""
    started: list[WorkerProcess] = []

    def one(name: str) -> WorkerProcess:
        started.append(WorkerProcess(own_server, name, slots=1))
        return started[-1]

    yield one
    for process in started:
        if process.process.poll() is None:
            process.stop()


async def accepted(run: CrewRun, delivery: Delivery) -> None:
    """What a worker says first of a job."""
    about = {"job": delivery.job.id, "experiment": delivery.job.experiment, "at": 1.0}
    said = JobAccepted(**about, worker="ada", device="cpu", delivery=delivery.count, backend="local", sandboxed=True)
    id = accepted_id(delivery.job.id, delivery.count)
    await run.journal.append(wrap(said, run=run.name, sender="worker", id=id))


@pytest.mark.slow
async def test_a_job_goes_on_from_its_checkpoint_when_its_worker_is_killed(run: CrewRun, start: Start) -> None:
    workers = {name: start(name) for name in ("ada", "bob")}
    arguments = ("--steps", "30", "--pause", "0.1", "--save-every", "5")
    job = await run.submit("sft.py", *arguments, id="survivor")
    accepted = await run.wait(job, JobAccepted)
    await run.wait(job, JobCheckpoint)
    victim = workers[accepted.worker]
    family = victim.family()
    victim.process.send_signal(signal.SIGKILL)
    victim.process.wait(timeout=5)
    await until(lambda: not living(family))

    end = await run.end(job, seconds=40)
    assert isinstance(end, JobFinished), end
    assert end.steps == 30
    first, second = await run.events(job, JobStarted)
    assert first.resumed_from is None
    assert second.resumed_from is not None and Path(second.resumed_from).name.startswith("checkpoint-")
    one, two = await run.events(job, JobAccepted)
    assert one.worker != two.worker and (one.delivery, two.delivery) == (1, 2)
    resumed = int(second.resumed_from.rsplit("-", 1)[1])
    steps = [metric.step for metric in await run.events(job, JobMetric)]
    assert max(steps[: steps.index(resumed + 1)]) - resumed <= 6  # no more than one interval is repeated
    assert sum(isinstance(e.data, ENDS) for _, e in await run.said()) == 1


async def test_a_worker_outlives_its_zygote_and_gives_its_job_back_when_it_is_stopped(
    run: CrewRun, start: Start, shared_bus: Bus
) -> None:
    last = start("bob")
    job = await run.submit("sft.py", "--steps", "100000", "--pause", "0.1", "--save-every", "5", id="passed-on")
    await run.wait(job, JobCheckpoint, seconds=90)
    (zygote,) = psutil.Process(last.process.pid).children()
    zygote.kill()
    again = await run.wait(job, JobStarted, nth=2, seconds=90)
    assert again.resumed_from is not None

    await asyncio.to_thread(last.stop)
    assert last.process.returncode == 0
    queue = JobQueue(shared_bus, "default")
    await queue.open()
    delivery = await taken(queue, job)  # at once, not when a lease has run out
    assert delivery.count == 3
    await delivery.done()
    await queue.close()
    assert not any(isinstance(e.data, ENDS) for _, e in await run.said())


async def test_a_job_that_outlived_two_workers_fails_and_is_a_dead_letter(run: CrewRun, shared_bus: Bus) -> None:
    queue = JobQueue(shared_bus, "poison")
    await queue.open()
    job = await run.submit("sft.py", id="poison", queue="poison")
    letters = await shared_bus.client.subscribe("dead.worker")
    for count in (1, 2):
        delivery = await taken(queue, job)
        assert delivery.count == count
        await accepted(run, delivery)
        await delivery.give_back()  # without a word, as the end of a lease does
    await Attempt(await taken(queue, job), LocalBackend(), "ada").run()
    end = await run.end(job)
    assert isinstance(end, JobFailed) and end.reason == "lost its worker 2 times"
    assert end.cause.category == "worker_lost"
    letter = await letters.next_msg(timeout=5)
    assert b"lost its worker 2 times" in letter.data and job.id.encode() in letter.data
    assert await queue.take(lane_of(job)) is None
    await queue.close()


async def test_workers_that_were_stopped_do_not_count_as_lost(run: CrewRun, shared_bus: Bus) -> None:
    queue = JobQueue(shared_bus, "patient")
    await queue.open()
    job = await run.submit("sft.py", id="patient", queue="patient")
    backend = LocalBackend()
    for count in range(1, 6):
        delivery = await taken(queue, job)
        assert delivery.count == count
        attempt = asyncio.create_task(Attempt(delivery, backend, "ada").run())
        await asyncio.sleep(0)
        attempt.cancel()
        await asyncio.wait({attempt})
        assert attempt.cancelled()
    assert [note.delivery for note in await run.events(job, JobGivenBack)] == [1, 2, 3, 4, 5]
    for _ in range(2):
        delivery = await taken(queue, job)
        assert await Attempt(delivery, backend, "ada")._refused() is None
        await accepted(run, delivery)
        await delivery.give_back()
    delivery = await taken(queue, job)
    assert delivery.count == 8
    await Attempt(delivery, backend, "ada").run()
    assert isinstance(await run.end(job), JobFailed)
    await queue.close()


async def test_what_is_no_job_goes_to_the_dead_letters(run: CrewRun, shared_bus: Bus) -> None:
    queue = JobQueue(shared_bus, "odd")
    await queue.open()
    letters = await shared_bus.client.subscribe("dead.worker")
    lane = Lane(queue="odd", priority=5, run="x")
    await ensure_lane(shared_bus, lane)
    await shared_bus.jetstream.publish(lane.subject("x"), b"{}")
    letter = asyncio.create_task(letters.next_msg(timeout=60))
    while not letter.done():  # on a busy machine a look may come before the letter
        assert await queue.take(lane) is None
    assert b"jobs.odd.5.x" in letter.result().data
    assert await queue.take(lane) is None
    await queue.close()


def test_a_queue_name_that_is_no_subject_is_refused(own_server: Connection) -> None:
    with pytest.raises(BadQueueName, match=r"a\.b"):
        JobQueue(None, "a.b")  # type: ignore[arg-type]


async def test_a_worker_that_the_bus_does_not_hear_knows_that_its_lease_is_lost(
    bus: Bus, server: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("protocol.queue.LEASE", 1.0)
    run = CrewRun(bus, "leased", tmp_path)
    await run.journal.create()
    job = await run.submit("idle.py", id="leased", script="pass")
    queue = JobQueue(bus, "default")
    await queue.open()
    await queue.lanes()
    delivery = await taken(queue, job)
    told: list[float] = []

    async def renewed(until: float) -> None:
        told.append(until)
        if len(told) == 3:
            os.kill(server.pid or 0, signal.SIGSTOP)

    try:
        with pytest.raises(LeaseLost):
            async with asyncio.timeout(8):
                await delivery.keep(renewed)
        assert told == sorted(told) and delivery.lease.until == told[-1]
        assert not delivery.lease.held and clock() - told[-1] < 0.2 * delivery.lease.seconds
    finally:
        os.kill(server.pid or 0, signal.SIGCONT)


async def test_a_worker_that_has_lost_its_lease_gives_nothing_back(
    run: CrewRun, shared_bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("protocol.queue.LEASE", 3.0)
    queue = JobQueue(shared_bus, "late")
    await queue.open()
    job = await run.submit("idle.py", id="late", queue="late", script="pass")
    await queue.lanes()
    first = await taken(queue, job)
    await until(lambda: not first.lease.held)
    second = await taken(queue, job)
    assert (first.count, second.count) == (1, 2)
    await first.give_back()
    await asyncio.sleep(0.3)  # in which the queue would note it
    assert await queue.take(lane_of(job)) is None, "the queue would take that word for the other's"
    await second.give_back()
    assert (await taken(queue, job)).count == 3
    await queue.close()


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        ([], 2, "POSTDOCS_BUS_URL"),
        (["--bus", "nats://127.0.0.1:1", "--slots", "0"], 2, "--slots 0"),
    ],
)
def test_a_worker_that_cannot_start_says_why_in_one_sentence(arguments: list[str], code: int, told: str) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("POSTDOCS")}
    command = [sys.executable, "-m", "services.executor", *arguments]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=30)
    assert ended.returncode == code
    assert told in ended.stderr and "Traceback" not in ended.stderr
