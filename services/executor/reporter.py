"""Journals what a job says, in order and at a bearable rate. Used by one attempt at a job."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from typing import Any

from nats.errors import Error as NatsError

from protocol.bus import Bus
from protocol.envelope import Envelope, wrap
from protocol.job import JobEnd, JobEvent, JobGivenBack, JobLog, JobMetric
from protocol.journal import Journal
from protocol.message import message_id
from protocol.queue import end_id, given_back_id
from services.executor.job.events import Metric

log = logging.getLogger(__name__)
TICK = 0.03
METRIC_SECONDS = 0.1
"""At most so often figures: a tiny model logs hundreds of steps a second, nobody reads them."""
LOG_SECONDS = 0.5
LOG_LINES = 20
"""Lines of an event; the whole log is in the job's folder."""
RETRY_SECONDS = 0.5
NOTE_SECONDS = 2.0
"""A worker that stops waits no longer for a bus that is away."""
SENDER, RECIPIENT = "worker", "experimentalist"


class Reporter:
    """What one delivery of a job has to say, and `pump`, the task that says it."""

    def __init__(self, bus: Bus, job: Envelope, delivery: int) -> None:
        assert job.data.type == "job"
        self._job, self._cause, self._delivery = job.data, job, delivery
        self._journal = Journal(bus, job.run)
        self._outbox: deque[tuple[str, JobEvent]] = deque()
        self._metrics: list[Metric] = []
        self._lines: deque[str] = deque()
        self._left_out = self._logs = 0
        self._metric_at = self._log_at = -1e9

    def about(self) -> dict[str, Any]:
        """The fields that all of a job's events share."""
        return {"job": self._job.id, "experiment": self._job.experiment, "at": time.time()}

    def say(self, event: JobEvent, *parts: object) -> None:
        """Say it soon; its id is made from job, delivery, type and `parts`."""
        self._outbox.append((message_id(self._job.id, self._delivery, event.type, *parts), event))

    def metric(self, metric: Metric) -> None:
        """A log of figures; one that waits is replaced by a later one that names all that it names."""
        if self._metrics and set(self._metrics[-1].values) <= set(metric.values):
            self._metrics.pop()
        self._metrics.append(metric)

    def printed(self, lines: tuple[str, ...]) -> None:
        self._lines.extend(lines)
        while len(self._lines) > LOG_LINES - 1:  # one is for saying how many are left out
            self._lines.popleft()
            self._left_out += 1

    async def pump(self) -> None:
        """Say what there is to say, until cancelled."""
        while True:
            await self._flush()
            await asyncio.sleep(TICK)

    async def end(self, event: JobEnd) -> None:
        """Say all that is left, and last the end."""
        await self._flush(all=True)
        await self._append(end_id(self._job.id), event)

    async def given_back(self, worker: str) -> None:
        """Note that this delivery ends because the worker was stopped, not because the job took it down."""
        note = JobGivenBack(**self.about(), worker=worker, delivery=self._delivery)
        try:
            await asyncio.wait_for(self._append(given_back_id(self._job.id, self._delivery), note), NOTE_SECONDS)
        except TimeoutError:
            log.warning("job %s: nobody heard that it is given back; it will look like a lost worker", self._job.id)

    async def _flush(self, all: bool = False) -> None:
        now = time.monotonic()
        if self._metrics and (all or now - self._metric_at >= METRIC_SECONDS):
            self._metric_at = now
            for metric in self._metrics:
                said = JobMetric(**self.about(), **metric.model_dump(exclude={"kind"}))
                self.say(said, metric.step, *sorted(metric.values))
            self._metrics.clear()
        if self._lines and (all or now - self._log_at >= LOG_SECONDS):
            self._log_at = now
            note = [f"… {self._left_out} lines left out, they are in output.log"] if self._left_out else []
            self.say(JobLog(**self.about(), lines=(*note, *self._lines)), self._logs)
            self._logs += 1
            self._left_out = 0
            self._lines.clear()
        while self._outbox:
            await self._append(*self._outbox[0])
            self._outbox.popleft()  # only now: a cancelled append is repeated by `end`, under the same id

    async def _append(self, id: str, event: JobEvent) -> None:
        """Journal it; while the bus is away, try again. The lease bounds that: without it the attempt is cancelled."""
        run = self._cause.run
        envelope = wrap(event, run=run, sender=SENDER, recipient=RECIPIENT, causation=self._cause.id, id=id)
        while True:
            try:
                await self._journal.append(envelope)
                return
            except (NatsError, OSError) as error:
                log.warning("job %s: %s not journaled yet (%s)", self._job.id, event.type, error)
                await asyncio.sleep(RETRY_SECONDS)
