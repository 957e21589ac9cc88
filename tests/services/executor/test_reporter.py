"""What a job says always ends with its end: no message is too long for that, and no run that is gone is waited for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
from executor_harness import CrewRun, taken

from benchmarks.noop_backend import NoopBackend, NoopHandle
from protocol.job import Job, JobFailed, JobLog, JobMetric, JobStarted
from services import bus_server
from services.bus_server import BusServer
from services.executor.attempt import Attempt
from services.executor.backends.backend import Terms
from services.executor.job.events import MOST_OF_A_NAME, Event, Metric, Printed, Running
from services.executor.queue import JobQueue
from services.executor.shortened import LEFT_OUT


class Talker(NoopBackend):
    """Its job says these things, again and again until it is stopped where `goes_on`."""

    def __init__(self, *said: Event, goes_on: bool = False) -> None:
        super().__init__()
        self.said, self.goes_on = said, goes_on

    async def start(self, job: Job, terms: Terms) -> NoopHandle:
        backend = self

        class Handle(NoopHandle):
            async def events(self) -> AsyncIterator[Sequence[Event]]:
                yield [Running(pid=1, at=terms.taken_up)]
                yield list(backend.said)
                while backend.goes_on and not self._stopped.is_set():
                    await asyncio.sleep(0.1)
                    yield list(backend.said)

        return Handle(0.0)


async def test_a_message_that_is_too_long_for_the_bus_is_cut_and_holds_nothing_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = bus_server._config
    monkeypatch.setattr(bus_server, "_config", lambda *given: config(*given).replace("8MB", "64KB"))
    figures = Metric(step=1, max_steps=2, values={f"{n:0200}": 1.0 for n in range(1000)})
    async with BusServer(tmp_path / "bus") as server:
        bus = await server.connection.connect("test")
        crew, queue = CrewRun(bus, "talks", tmp_path), JobQueue(bus, "default")
        await crew.journal.create()
        await queue.open()
        job = await crew.submit("noop", id="a", script="")
        async with asyncio.timeout(20):
            await Attempt(await taken(queue, job), Talker(figures, Printed(lines=("x" * 4096,) * 20)), "ada").run()
        (metric,), (lines,) = await crew.events(job, JobMetric), await crew.events(job, JobLog)
        end = await crew.end(job)
        assert isinstance(end, JobFailed) and end.evidence[-1].startswith("xxx")
        assert metric.step == 1 and 0 < len(metric.values) <= 100
        assert lines.lines[-1].endswith("…") or lines.lines[0] == LEFT_OUT
        await queue.close()
        await bus.close()


def test_a_name_is_no_longer_for_being_shown_safely() -> None:
    (name,) = Metric(step=1, max_steps=1, values={"\U000e0001" * MOST_OF_A_NAME: 1.0}).values
    assert len(name) == MOST_OF_A_NAME and name.isprintable()


async def test_a_job_whose_run_was_deleted_is_stopped_and_off_the_queue(run: CrewRun) -> None:
    queue = JobQueue(run.bus, "orphaned")
    await queue.open()
    job = await run.submit("noop", id="a", script="", queue="orphaned")
    backend = Talker(Metric(step=1, max_steps=2, values={"loss": 1.0}), goes_on=True)
    running = asyncio.create_task(Attempt(await taken(queue, job), backend, "ada").run())
    await run.wait(job, JobStarted)
    await run.bus.jetstream.delete_stream(run.journal.stream)
    async with asyncio.timeout(20):
        await running
    lanes = await queue.lanes()
    assert [(state.waiting, state.running) for state in lanes] == []
    await queue.close()
