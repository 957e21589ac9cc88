"""What is the machine's fault, or the bus's, is not held against a job, and spoils no queue."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from executor_harness import CrewRun, taken, until

from benchmarks.noop_backend import NoopBackend, NoopHandle
from protocol.bus import Bus
from protocol.envelope import wrap
from protocol.errors import BusUnavailable
from protocol.job import (
    Job,
    JobAccepted,
    JobCancelled,
    JobFailed,
    JobFinished,
    JobGivenBack,
    JobMetric,
    JobStarted,
    Needs,
)
from protocol.message import message_id
from protocol.queue import accepted_id, started_id, submit
from services.bus_server import Connection
from services.executor import history, rests
from services.executor.attempt import Attempt
from services.executor.backends.backend import BackendFailed, Exit, Terms
from services.executor.backends.local import LocalBackend
from services.executor.begin import TOO_LATE
from services.executor.files.folder import BadJobFolder
from services.executor.job.events import Event, Metric, TrainBegan, TrainEnded
from services.executor.queue import JobQueue
from services.executor.warm.environment import Environments
from services.executor.warm.pool import WarmPool
from services.executor.worker import Worker


class Broken(NoopBackend):
    """Cannot start a job: no torch, no credits, a cluster that does not answer."""

    async def start(self, job: Job, terms: Terms) -> NoopHandle:
        await super().start(job, terms)
        raise BackendFailed("no zygote could be started")


class SlowEnvironments(Environments):
    """pip takes longer than a lease."""

    async def python(self, requirements: Sequence[str]) -> Path:
        await asyncio.sleep(4)
        return Path(sys.executable)


@pytest.fixture
async def crew(bus: Bus, tmp_path: Path) -> CrewRun:
    made = CrewRun(bus, "troubled", tmp_path)
    await made.journal.create()
    return made


@pytest.fixture
async def queue(bus: Bus) -> AsyncIterator[JobQueue]:
    made = JobQueue(bus, "default")
    await made.open()
    yield made
    await made.close()


async def test_a_machine_that_can_start_nothing_spoils_no_job(server: Connection, crew: CrewRun) -> None:
    connection = await server.connect("broken")
    backend = Broken()
    broken = Worker(connection, backend, queue="default", name="broken")
    working = asyncio.create_task(broken.run())
    job = await crew.submit("noop", id="a", script="")
    note = await crew.wait(job, JobGivenBack, nth=history.LOSSES + 1)
    assert note.headline() == "a given back by broken: no zygote could be started"
    more = [await crew.submit("noop", id=f"b{n}", script="") for n in range(6)]
    good = Worker(await server.connect("good"), NoopBackend(leaves_model=True), queue="default", name="good")
    helping = asyncio.create_task(good.run())
    for one in (job, *more):
        assert isinstance(await crew.end(one), JobFinished)
    assert len(backend.started) < 2 * len(more), "it rests the longer, the more often it fails"
    await broken.stop(working)
    await good.stop(helping)
    await good.bus.close()
    await connection.close()


async def test_what_a_backend_refuses_of_one_kind_keeps_the_others_from_nothing(
    server: Connection, crew: CrewRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cluster has no room for the first job, ever: the jobs that need less are not made to wait for it."""

    class Full(NoopBackend):
        async def start(self, job: Job, terms: Terms) -> NoopHandle:
            if job.spec.needs.memory_gb:
                raise BackendFailed("sbatch: error: Memory specification can not be satisfied")
            return await super().start(job, terms)

    for name in ("FIRST", "MOST"):
        monkeypatch.setattr(rests, name, 3600.0)
    connection = await server.connect("full")
    worker = Worker(connection, Full(leaves_model=True), queue="default", name="full")
    working = asyncio.create_task(worker.run())
    refused = await crew.submit("noop", id="a", script="", needs=Needs(memory_gb=1.0))
    await crew.wait(refused, JobGivenBack)
    for n in range(3):
        assert isinstance(await crew.end(await crew.submit("noop", id=f"b{n}", script="")), JobFinished)
    assert len(await crew.events(refused, JobGivenBack)) == 1, "its lane rests meanwhile"
    await worker.stop(working)
    await connection.close()


async def test_a_job_that_nobody_can_start_ends_with_the_reason(
    crew: CrewRun, queue: JobQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.executor.attempt.RETRY_DELAY", 0.01)
    monkeypatch.setattr(history, "STARTS", 3)
    job = await crew.submit("noop", id="a", script="")
    for _ in range(3):
        with pytest.raises(BackendFailed):
            await Attempt(await taken(queue, job), Broken(), "ada").run()
    await Attempt(await taken(queue, job), Broken(), "ada").run()
    end = await crew.end(job)
    assert isinstance(end, JobFailed)
    assert end.reason == "could not be started 3 times: no zygote could be started"


async def test_a_start_may_take_longer_than_a_lease(
    crew: CrewRun, bus: Bus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("protocol.queue.LEASE", 3.0)
    pool = WarmPool(sandboxed=False, modules=())
    backend = LocalBackend(pool=pool, environments=SlowEnvironments(tmp_path), sandboxed=False)
    await backend.open()
    try:
        job = await crew.submit("none.py", id="slow", requirements=("x",), script="print('ran')")
        queue = JobQueue(bus, "default")
        await queue.open()
        await queue.lanes()  # which tells how long its leases are
        await Attempt(await taken(queue, job), backend, "ada").run()
        end = await crew.end(job)
        assert isinstance(end, JobFailed) and end.cause.category == "no_model"
        await queue.close()
    finally:
        await backend.close()


async def test_a_cancel_request_is_heard_while_a_job_is_made_ready(
    crew: CrewRun, queue: JobQueue, tmp_path: Path
) -> None:
    class Endless(SlowEnvironments):
        async def python(self, requirements: Sequence[str]) -> Path:
            await asyncio.sleep(600)
            return Path(sys.executable)

    backend = LocalBackend(pool=WarmPool(sandboxed=False, modules=()), environments=Endless(tmp_path), sandboxed=False)
    await backend.open()
    try:
        job = await crew.submit("none.py", id="slow", requirements=("x",), script="print('ran')")
        running = asyncio.create_task(Attempt(await taken(queue, job), backend, "ada").run())
        await crew.wait(job, JobAccepted)
        await crew.cancel(job)
        end = await crew.end(job, 10.0)
        assert isinstance(end, JobCancelled) and end.reason == "asked"
        await running
    finally:
        await backend.close()


class Stubborn(NoopBackend):
    """Its start is over only when the job is there, whoever cancels it."""

    handle = NoopHandle(600.0)

    async def start(self, job: Job, terms: Terms) -> NoopHandle:
        try:
            await asyncio.sleep(600)
        except asyncio.CancelledError:
            self.handle = NoopHandle(600.0)
        return self.handle


async def test_a_deadline_holds_while_a_job_is_made_ready(crew: CrewRun, queue: JobQueue) -> None:
    envelope, backend = crew.job(("noop",), id="a", script="", deadline=time.time() + 1.0), Stubborn()
    assert await submit(crew.bus, envelope) and isinstance(envelope.data, Job)
    async with asyncio.timeout(20):
        await Attempt(await taken(queue, envelope.data), backend, "ada").run()
    end = await crew.end(envelope.data)
    assert isinstance(end, JobCancelled) and end.reason == TOO_LATE
    assert backend.handle._stopped.is_set(), "what was started all the same is killed"


async def test_a_job_is_given_back_only_when_nothing_of_it_runs_any_more(crew: CrewRun, queue: JobQueue) -> None:
    """Its backend fails while the job runs: another machine must not start it before it is gone here."""
    order: list[str] = []

    class Handle(NoopHandle):
        async def events(self) -> AsyncIterator[Sequence[Event]]:
            async for said in super().events():
                yield said
                raise BackendFailed("the zygote does not listen")

        async def kill(self) -> None:
            await asyncio.sleep(0.3)
            order.append("killed")
            await super().kill()

    class Deaf(NoopBackend):
        async def start(self, job: Job, terms: Terms) -> NoopHandle:
            return Handle(60.0)

    job = await crew.submit("noop", id="a", script="")
    delivery = await taken(queue, job)
    give_back = delivery.give_back

    async def noted(delay: float = 0.0) -> None:
        order.append("given back")
        await give_back(delay)

    delivery.give_back = noted  # type: ignore[method-assign]
    with pytest.raises(BackendFailed):
        await Attempt(delivery, Deaf(), "ada").run()
    assert order[0] == "killed" and order[-1] == "given back"
    assert await crew.events(job, JobGivenBack) == [], "it was under way: this may have been its own doing"


async def lose(crew: CrewRun, queue: JobQueue, job: Job, checkpoint: int | None) -> None:
    """A worker takes it, starts it from this checkpoint, and dies."""
    delivery = await taken(queue, job)
    resumed = None if checkpoint is None else f"/jobs/model/checkpoint-{checkpoint}"
    about = {"job": job.id, "experiment": job.experiment, "at": time.time()}
    accepted = JobAccepted(**about, worker="ada", device="cpu", delivery=delivery.count, backend="noop", sandboxed=True)
    started = JobStarted(**about, pid=1, warm_start_s=0.1, resumed_from=resumed)
    for event, id in ((accepted, accepted_id), (started, started_id)):
        assert id(job.id, delivery.count) == message_id(job.id, delivery.count, event.type)
        await crew.journal.append(wrap(event, run=crew.name, sender="worker", id=id(job.id, delivery.count)))
    await delivery.msg.nak()


class LateRefusal(NoopHandle):
    """Of a backend that learns only after the start that it cannot: a sandbox refused, a machine without the GPUs."""

    async def events(self) -> AsyncIterator[Sequence[Event]]:
        for none in ():
            yield none

    async def wait(self) -> Exit:
        raise BackendFailed("fork: sandbox: /proc: Operation not permitted")


class LateRefusing(NoopBackend):
    async def start(self, job: Job, terms: Terms) -> NoopHandle:
        return LateRefusal(0.0)


async def test_a_job_that_was_never_begun_has_not_lost_its_worker(
    crew: CrewRun, queue: JobQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither where its process was there but not its code, nor where a worker was stopped as it took the job."""
    monkeypatch.setattr("services.executor.attempt.RETRY_DELAY", 0.01)
    job = await crew.submit("noop", id="a", script="")
    for _ in range(history.LOSSES + 1):
        with pytest.raises(BackendFailed):
            await Attempt(await taken(queue, job), LateRefusing(), "ada").run()
        await (await taken(queue, job)).msg.nak()
    notes = await crew.events(job, JobGivenBack)
    assert {note.reason for note in notes} == {"fork: sandbox: /proc: Operation not permitted"}
    await Attempt(await taken(queue, job), NoopBackend(leaves_model=True), "ada").run()
    assert isinstance(await crew.end(job), JobFinished)


async def test_a_job_that_no_worker_ever_accepts_is_not_delivered_for_ever(
    crew: CrewRun, queue: JobQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "STARTS", 2)
    job = await crew.submit("noop", id="a", script="")
    for _ in range(2):
        await (await taken(queue, job)).msg.nak()
    await Attempt(await taken(queue, job), NoopBackend(leaves_model=True), "ada").run()
    end = await crew.end(job)
    assert isinstance(end, JobFailed) and end.reason == f"could not be started 2 times: {history.NOT_ACCEPTED}"


@pytest.mark.parametrize(
    ("from_checkpoints", "poison"),
    [
        ([None], False),
        ([None, None], True),
        ([None, 5], False),
        ([None, 5, 10, 15], False),
        ([None, 5, 5], True),
        ([5, 10, None, None], True),
        (list(range(history.MOST_LOSSES)), True),
    ],
)
async def test_a_job_that_gets_further_each_time_is_not_why_its_workers_died(
    crew: CrewRun, queue: JobQueue, from_checkpoints: list[int | None], poison: bool
) -> None:
    job = await crew.submit("noop", id="a", script="")
    for checkpoint in from_checkpoints:
        await lose(crew, queue, job, checkpoint)
    await Attempt(await taken(queue, job), NoopBackend(leaves_model=True), "ada").run()
    end = await crew.end(job)
    assert (isinstance(end, JobFailed) and end.cause.category == "worker_lost") is poison
    assert isinstance(end, JobFinished) is not poison


async def test_the_figures_of_a_second_training_are_journaled_too(crew: CrewRun, queue: JobQueue) -> None:
    class Handle(NoopHandle):
        async def events(self) -> AsyncIterator[Sequence[Event]]:
            for _ in range(2):
                yield [TrainBegan(step=0, max_steps=2)]
                yield [Metric(step=1, max_steps=2, values={"loss": 1.0})]
                await asyncio.sleep(0.3)
                yield [TrainEnded(step=2, seconds=1.0, loss=1.0, stopped_early=False)]

    class Twice(NoopBackend):
        async def start(self, job: Job, terms: Terms) -> NoopHandle:
            return Handle(0.0)

    job = await crew.submit("noop", id="a", script="")
    await Attempt(await taken(queue, job), Twice(), "ada").run()
    assert [metric.step for metric in await crew.events(job, JobMetric)] == [1, 1]


async def test_a_worker_that_the_server_has_thrown_out_ends_and_says_so(server: Connection) -> None:
    connection = await server.connect("ada")
    worker = Worker(connection, NoopBackend(), queue="default", name="ada")
    working = asyncio.create_task(worker.run())
    await until(lambda: worker._presence._service is not None)
    await connection.client._process_err("'Maximum Connections Exceeded'")  # as the server says it
    with pytest.raises(BusUnavailable, match="closed the connection"):
        async with asyncio.timeout(20):
            await working


async def test_a_job_that_a_worker_took_off_while_the_bus_went_away_is_not_given_back_later(
    crew: CrewRun, queue: JobQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is published without a connection goes out with the next: by then another worker may have the job."""
    job = await crew.submit("noop", id="a", script="")
    delivery = await taken(queue, job)
    sent: list[Any] = []
    monkeypatch.setattr(type(delivery.bus.client), "is_connected", property(lambda self: False))
    monkeypatch.setattr(delivery.msg, "nak", lambda delay=None: sent.append(delay))
    await delivery.give_back()
    assert sent == []


@pytest.mark.parametrize("ahead", [-3600.0, 3600.0])
async def test_a_deadline_holds_by_the_clock_of_the_bus(
    crew: CrewRun, queue: JobQueue, ahead: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine whose clock is an hour off neither cancels a job that has time, nor starts one that has none."""
    early = crew.job(("noop",), id="early", script="", deadline=time.time() + 600)
    late = crew.job(("noop",), id="late", script="", deadline=time.time() - 600)
    for envelope in (early, late):
        assert await submit(crew.bus, envelope)
    right = time.time
    monkeypatch.setattr(time, "time", lambda: right() + ahead)
    (state,) = await queue.lanes()
    assert abs(queue.ahead - ahead) < 2.0
    assert abs(time.time() - state.since) < 60.0
    for _ in range(2):
        delivery = await queue.take(state.lane)
        assert delivery is not None
        await Attempt(delivery, NoopBackend(leaves_model=True), "ada").run()
    assert isinstance(early.data, Job) and isinstance(late.data, Job)
    assert (await crew.end(early.data)).type == "job_finished"
    assert (await crew.end(late.data)).type == "job_cancelled"
    accepted = await crew.wait(early.data, JobAccepted)
    assert abs(accepted.at - right()) < 60.0


@pytest.mark.parametrize(
    ("reason", "category"),
    [
        ("reads '/nowhere', which is not there: [Errno 2] No such file or directory: '/nowhere'", "missing_file"),
        ("reads '/data', but user 65534, as whom jobs run, cannot read /data/x: chmod -R a+rX /data", "forbidden"),
        ("reads '/', which holds more than models and data: name the files or folders needed", "forbidden"),
        ("cannot write /runs/r/jobs/a: [Errno 28] No space left on device", "disk_full"),
        ("cannot lock /runs/r/jobs/.a.lock: [Errno 13] Permission denied: '/runs'", "forbidden"),
        ("output '../x' lies outside the job's folder", "argument_error"),
        ("argv is empty: it must name a script", "argument_error"),
    ],
)
async def test_what_could_not_be_started_is_named_rightly(
    crew: CrewRun, queue: JobQueue, reason: str, category: str
) -> None:
    class Refusing(NoopBackend):
        async def start(self, job: Job, terms: Terms) -> NoopHandle:
            raise BadJobFolder(reason)

    job = await crew.submit("noop", id="a", script="")
    await Attempt(await taken(queue, job), Refusing(), "ada").run()
    end = await crew.end(job)
    assert isinstance(end, JobFailed)
    assert (end.reason, end.cause.category) == (f"could not start: {reason}", category)


class Away(NoopHandle):
    """Of a backend that does not answer the first times that it is told to stop the job."""

    def __init__(self) -> None:
        super().__init__(60.0)
        self.refusals = {"terminate": 1, "kill": 1}

    def _answer(self, what: str) -> None:
        self.refusals[what] -= 1
        if self.refusals[what] >= 0:
            raise BackendFailed("the Hub does not answer")

    async def terminate(self) -> None:
        self._answer("terminate")

    async def kill(self) -> None:
        self._answer("kill")
        await super().kill()


class FarAway(NoopBackend):
    async def start(self, job: Job, terms: Terms) -> NoopHandle:
        return Away()


async def test_a_cancel_is_not_lost_when_the_backend_does_not_answer_at_once(crew: CrewRun, queue: JobQueue) -> None:
    job = await crew.submit("noop", id="a", script="")
    running = asyncio.create_task(Attempt(await taken(queue, job), FarAway(), "ada").run())
    await crew.wait(job, JobStarted)
    await crew.cancel(job)
    assert (await crew.end(job)).type == "job_cancelled"
    await running


async def test_a_time_limit_is_not_lost_either(crew: CrewRun, queue: JobQueue) -> None:
    job = await crew.submit("noop", id="a", script="", seconds=0.3, grace=0.1)
    await Attempt(await taken(queue, job), FarAway(), "ada").run()
    end = await crew.end(job)
    assert isinstance(end, JobFailed) and end.cause.category == "time_out"


async def test_a_job_whose_worker_died_after_its_end_was_journaled_is_only_taken_off_the_queue(
    crew: CrewRun, queue: JobQueue, bus: Bus
) -> None:
    class Dead(Exception):
        """The worker's kill -9."""

    async def dies() -> None:
        raise Dead

    job = await crew.submit("noop", id="a", script="")
    delivery = await taken(queue, job)
    delivery.done = dies  # type: ignore[method-assign]
    with pytest.raises(Dead):
        await Attempt(delivery, NoopBackend(leaves_model=True), "ada").run()
    said = len(await crew.said())
    await delivery.msg.nak()  # as the end of its lease does
    backend = NoopBackend(leaves_model=True)
    await Attempt(await taken(queue, job), backend, "bob").run()
    assert backend.started == [] and len(await crew.said()) == said
    assert (await bus.jetstream.stream_info("JOBS")).state.messages == 0
