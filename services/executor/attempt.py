"""One delivery of a job, from the queue to its end: started, listened to, watched, stopped when need be, ended.

Called by the worker, which runs one attempt in each of its slots.
"""

from __future__ import annotations

import asyncio
import logging
import time
from pathlib import Path
from typing import Any

from nats.errors import Error as NatsError

from protocol.job import (
    CancelJob,
    JobAccepted,
    JobAlert,
    JobCancelled,
    JobCheckpoint,
    JobEnd,
    JobFailed,
    JobStarted,
)
from protocol.journal import Journal
from protocol.queue import cancel_id, end_id, given_back_id
from services.executor.backends.backend import Backend, BackendFailed, Handle, Terms
from services.executor.files.folder import BadJobFolder
from services.executor.inventory.device import used
from services.executor.job.events import Checkpoint, Event, Garbled, Metric, Printed, Running
from services.executor.outcome import Killed, Record, outcome
from services.executor.queue import Delivery, LeaseLost
from services.executor.reporter import Reporter
from services.executor.watch.rules import Watch

log = logging.getLogger(__name__)
LOSSES = 3
"""A job that has outlived so many workers may well be why they died. Workers that were stopped do not count."""
TERM_SECONDS = 1.0
"""Between SIGTERM and SIGKILL for a job that is to save nothing."""
CANCEL_POLL = 2.0
"""A cancel request comes by a plain message; one that was lost on the way is found in the journal so soon after."""
RETRY_DELAY = 1.0


class Attempt:
    """A worker's work on one delivery."""

    def __init__(self, delivery: Delivery, backend: Backend, worker: str) -> None:
        self.delivery, self.backend, self.worker = delivery, backend, worker
        self.job = delivery.job
        self._journal = Journal(delivery.bus, delivery.envelope.run)
        self._reporter = Reporter(delivery.bus, delivery.envelope, delivery.count)
        self._record, self._watch = Record(), Watch()
        self._request: asyncio.Future[CancelJob] = asyncio.get_running_loop().create_future()
        self._stopped: Killed | CancelJob | None = None
        self._taken_up = time.monotonic()

    def cancel(self, request: CancelJob) -> None:
        """Stop the job, now or as soon as it is started; the first request counts."""
        if not self._request.done():
            self._request.set_result(request)

    async def run(self) -> None:
        """Work until the job has ended and is off the queue, or is lost to another worker, or given back to it."""
        work, lease = asyncio.create_task(self._work()), asyncio.create_task(self.delivery.keep())
        try:
            await asyncio.wait({work, lease}, return_when=asyncio.FIRST_COMPLETED)
            if work.done():
                work.result()
            else:
                lease.result()
        except LeaseLost as error:
            log.warning("lease lost, the job is left to another worker: %s", error)
        except BackendFailed as error:
            log.error("job %s given back: %s", self.job.id, error)
            await self.delivery.give_back(RETRY_DELAY)
        except asyncio.CancelledError:  # the worker stops
            await asyncio.gather(_end(work), self._reporter.given_back(self.worker))
            await self.delivery.give_back()
            raise
        finally:
            for task in (work, lease):
                if not task.done():
                    await _end(task)

    async def _work(self) -> None:
        if not await self._journal.exists():
            reason = f"run {self.delivery.envelope.run} has no journal"
            await self.delivery.bus.bury(self.delivery.msg.subject, reason, self.delivery.msg.data, "worker")
        elif await self._journal.find(end_id(self.job.id)) is None:
            await self._reporter.end(await self._refused() or await self._run())
        await self.delivery.done()

    async def _refused(self) -> JobEnd | None:
        """The end of a job that is not to be started at all."""
        asked = await self._journal.find(cancel_id(self.job.id))
        if asked is not None and isinstance(asked.data, CancelJob):
            return JobCancelled(**self._reporter.about(), reason=asked.data.reason)
        if self.delivery.count > LOSSES and await self._losses() >= LOSSES:
            return JobFailed(**self._reporter.about(), reason="lost its worker three times")
        return None

    async def _losses(self) -> int:
        """How many deliveries before this one ended otherwise than by a worker that was stopped."""
        before = range(1, self.delivery.count)
        notes = [await self._journal.find(given_back_id(self.job.id, delivery)) for delivery in before]
        return notes.count(None)

    async def _run(self) -> JobEnd:
        """Run the job; its end. Raises `BackendFailed`."""
        device = used(self.job.spec, self.backend.device)
        accepted = JobAccepted(
            **self._reporter.about(), worker=self.worker, device=device, delivery=self.delivery.count
        )
        self._reporter.say(accepted)
        terms = Terms(taken_up=self._taken_up, stop_at=self._taken_up + self.job.spec.seconds)
        try:
            handle = await self.backend.start(self.job, terms)
        except BadJobFolder as error:
            return JobFailed(**self._reporter.about(), reason=f"could not start: {error}")
        helpers = [asyncio.create_task(c) for c in (self._reporter.pump(), self._limit(handle), self._obey(handle))]
        try:
            async for said in handle.events():
                for event in said:
                    await self._hear(event, handle)
            exit = await handle.wait()
        finally:
            for helper in helpers:
                await _end(helper)
            await handle.kill()
        model, seconds = Path(self.job.folder) / self.job.spec.output, time.monotonic() - self._taken_up
        return await asyncio.to_thread(
            outcome, exit, self._record, self._stopped, model, seconds, self._reporter.about()
        )

    async def _hear(self, event: Event, handle: Handle) -> None:
        """Note it, pass it on, and stop the job when a rule says so."""
        self._record.note(event)
        about = self._reporter.about()
        if isinstance(event, Running):
            warm = event.at - self._taken_up
            resumed = handle.resumed_from
            self._reporter.say(JobStarted(**about, pid=event.pid, warm_start_s=warm, resumed_from=resumed))
        elif isinstance(event, Checkpoint):
            self._reporter.say(JobCheckpoint(**about, step=event.step, path=event.path), event.step, event.path)
        elif isinstance(event, Printed):
            self._reporter.printed(event.lines)
        elif isinstance(event, Garbled):
            log.warning("job %s wrote into its events.jsonl: %s", self.job.id, event.reason)
        elif isinstance(event, Metric):
            self._reporter.metric(event)
            self._watch, alarm = self._watch.see(event)
            if alarm is not None and self._stopped is None:
                self._stopped = Killed(alarm.rule, alarm.evidence)
                self._reporter.say(JobAlert(**about, rule=alarm.rule, evidence=alarm.evidence, kill=True), alarm.rule)
                await handle.kill()

    async def _limit(self, handle: Handle) -> None:
        """Kill a job that is not done when its time and its grace are over."""
        allowed = self.job.spec.seconds + self.job.spec.grace
        await asyncio.sleep(self._taken_up + allowed - time.monotonic())
        if self._stopped is None:
            self._stopped = Killed(
                f"time limit {self.job.spec.seconds:g} s + {self.job.spec.grace:g} s to save exceeded"
            )
        await handle.kill()

    async def _asked_to_cancel(self) -> CancelJob | None:
        """The request in the journal; None, too, while the bus is away."""
        try:
            asked = await self._journal.find(cancel_id(self.job.id))
        except (NatsError, OSError) as error:
            log.warning("job %s: no look at the journal for a cancel request (%s)", self.job.id, error)
            return None
        return asked.data if asked is not None and isinstance(asked.data, CancelJob) else None

    async def _obey(self, handle: Handle) -> None:
        """Wait for a cancel request, and carry it out."""
        while not self._request.done():
            await asyncio.wait({self._request}, timeout=CANCEL_POLL)
            if not self._request.done():
                asked = await self._asked_to_cancel()
                if asked is not None:
                    self.cancel(asked)
        request = self._request.result()
        if self._stopped is None:
            self._stopped = request
        if request.save:
            await handle.save()
            await asyncio.sleep(self.job.spec.grace)
        else:
            await handle.terminate()
            await asyncio.sleep(TERM_SECONDS)
        await handle.kill()


async def _end(task: asyncio.Task[Any]) -> None:
    """Cancel a task that is not done, wait for its end, and tell if it had ended by an error of its own."""
    task.cancel()
    await asyncio.wait({task})
    if not task.cancelled() and task.exception() is not None:
        log.warning("%s: %s", getattr(task.get_coro(), "__name__", task.get_name()), task.exception())
