"""Journals what a job says, in order and at a bearable rate. Used by one attempt at a job."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from typing import Any

from nats.errors import Error as NatsError
from nats.js.errors import NoStreamResponseError

from protocol.envelope import Envelope, wrap
from protocol.job import JobCheckpoint, JobEnd, JobEvent, JobGivenBack, JobLog, JobMetric, JobStarted
from protocol.journal import Journal
from protocol.message import message_id
from protocol.queue import end_id, given_back_id
from services.executor.allowance import Allowance
from services.executor.delivery import Delivery
from services.executor.job.events import Metric
from services.executor.lease import LeaseLost, clock
from services.executor.shortened import fits, fitting

log = logging.getLogger(__name__)
TICK = 0.03
METRIC_SECONDS = 0.1
"""At most so often figures: a tiny model logs hundreds of steps a second, nobody reads them."""
MOST_METRICS = 10
"""Logs that wait, where each names other figures than the last: a trainer has those of training and of evaluation."""
LOG_SECONDS = 0.5
LOG_LINES = 20
"""Lines of an event; the whole log is in the job's folder."""
RETRY_SECONDS = 0.5
AWAY_SECONDS = 60.0
"""A worker that has lost its leases has nothing better to do than to wait for the bus."""
NOTE_SECONDS = 2.0
"""A worker that stops waits no longer for a bus that is away."""
GONE_LOOKS = 3
"""So often in a row the bus says that there is no journal before that is believed."""
SENDER, RECIPIENT = "worker", "experimentalist"
_OF_THE_JOB = (JobStarted, JobMetric, JobLog, JobCheckpoint)


class Reporter:
    """What one delivery of a job has to say, and `pump`, the task that says it."""

    def __init__(self, delivery: Delivery) -> None:
        self._job, self._cause, self._delivery = delivery.job, delivery.envelope, delivery.count
        self._lease, self._ahead = delivery.lease, delivery.ahead
        self._journal = Journal(delivery.bus, delivery.envelope.run)
        self._outbox: deque[tuple[str, JobEvent]] = deque()
        self._metrics: list[Metric] = []
        self._lines: deque[str] = deque()
        self._left_out = self._logs = self._figures = 0
        self._metric_at = self._log_at = -1e9
        self._allowance = Allowance()
        self._gone_looks = 0
        self.journal_gone = asyncio.Event()
        """The run was deleted: there is nobody left to tell, and nothing is said any more."""

    def about(self) -> dict[str, Any]:
        """The fields that all of a job's events share; the time is the bus's, so that those of two machines compare."""
        return {"job": self._job.id, "experiment": self._job.experiment, "at": time.time() - self._ahead}

    def say(self, event: JobEvent, *parts: object) -> None:
        """Say it soon; its id is made from job, delivery, type and `parts`. What comes from the job itself is left out
        when it says too much."""
        if isinstance(event, _OF_THE_JOB) and not self._allowance.take(len(event.model_dump_json())):
            log.debug("job %s says too much: left out %s", self._job.id, event.type)
            return
        self._outbox.append((message_id(self._job.id, self._delivery, event.type, *parts), event))

    def metric(self, metric: Metric) -> None:
        """A log of figures; one that waits is replaced by a later one that names all that it names."""
        if self._metrics and set(self._metrics[-1].values) <= set(metric.values):
            self._metrics.pop()
        self._metrics.append(metric)
        del self._metrics[:-MOST_METRICS]

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
        """Say all that is left, and last the end. Raises `LeaseLost` when that is another worker's to say by now."""
        await self._flush(all=True)
        await self._append(end_id(self._job.id), event)

    async def given_back(self, worker: str, reason: str | None = None) -> None:
        """Note that this delivery ends because the worker was stopped, or could not start the job for this reason; not
        because the job took it down."""
        note = JobGivenBack(**self.about(), worker=worker, delivery=self._delivery, reason=reason)
        await self._note(note, NOTE_SECONDS)

    async def lost_lease(self, worker: str) -> None:
        """Note that the worker lives: it was unheard for too long, or frozen. As soon as the bus is back."""
        about = self.about()
        about["at"] -= clock() - self._lease.until  # when it was lost
        await self._note(JobGivenBack(**about, worker=worker, delivery=self._delivery, heard=False), AWAY_SECONDS)

    async def _note(self, note: JobGivenBack, seconds: float) -> None:
        try:
            await asyncio.wait_for(
                self._append(given_back_id(self._job.id, self._delivery), note, fenced=False), seconds
            )
        except TimeoutError:
            log.warning("job %s: nobody heard that it is given back; it will look like a lost worker", self._job.id)

    async def _flush(self, all: bool = False) -> None:
        now = time.monotonic()
        if self._metrics and (all or now - self._metric_at >= METRIC_SECONDS):
            self._metric_at = now
            for metric in self._metrics:
                about = self.about()
                if metric.at is not None:  # the job says when; not that it is later
                    about["at"] = min(about["at"], metric.at - self._ahead)
                said = JobMetric(**about, **metric.model_dump(exclude={"kind", "at"}))
                self.say(said, self._figures)  # not its step: a script may train more than once
                self._figures += 1
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

    async def _append(self, id: str, event: JobEvent, fenced: bool = True) -> None:
        """Journal it; while the bus is away, try again. The lease bounds that: without it nothing is ours to say."""
        run = self._cause.run
        whole = wrap(event, run=run, sender=SENDER, recipient=RECIPIENT, causation=self._cause.id, id=id)
        envelope = self._fitting(whole)
        while envelope is not None and not self.journal_gone.is_set():
            if fenced and not self._lease.held:
                raise LeaseLost(f"job {self._job.id}: {event.type} is not ours to say any more")
            if not self._journal.bus.client.is_connected:  # it would go out when the bus is back, lease or not
                await asyncio.sleep(RETRY_SECONDS)
                continue
            try:
                await self._journal.append(envelope)
                return
            except (NatsError, OSError) as error:
                log.warning("job %s: %s not journaled yet (%s)", self._job.id, event.type, error)
                if isinstance(error, NoStreamResponseError):
                    await self._look_for_journal()
                await asyncio.sleep(RETRY_SECONDS)

    def _fitting(self, envelope: Envelope) -> Envelope | None:
        """What of it the bus takes: it would never take the whole."""
        most = self._journal.bus.client.max_payload
        if fits(envelope, most):
            return envelope
        log.warning("job %s: %s is cut, the bus takes %d bytes", self._job.id, envelope.data.type, most)
        return fitting(envelope, most)

    async def _look_for_journal(self) -> None:
        """No stream has answered: that of the run is gone when the bus says so again and again, not in its start."""
        try:
            self._gone_looks = 0 if await self._journal.exists() else self._gone_looks + 1
        except (NatsError, OSError) as error:
            log.debug("job %s: no look for the journal (%s)", self._job.id, error)
        if self._gone_looks >= GONE_LOOKS:
            log.error("job %s: run %s has no journal any more: nothing more is said", self._job.id, self._cause.run)
            self.journal_gone.set()
