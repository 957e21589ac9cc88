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
from protocol.queue import end_id
from protocol.tasks import AGAIN_SECONDS
from services.artifacts.courier import Courier
from services.executor.backends.backend import (
    Backend,
    BackendFailed,
    Handle,
    JobRefused,
    Leased,
    Priced,
    Sampled,
    Terms,
)
from services.executor.begin import TOO_LATE, NotBegun, begun
from services.executor.cancel import Cancellation, carry_out
from services.executor.delivery import Delivery
from services.executor.diagnosis.cause import not_started
from services.executor.files.folder import BadJobFolder, JobFolder
from services.executor.history import given_up
from services.executor.insist import insist
from services.executor.inventory.machine import Grant
from services.executor.job.events import Checkpoint, Event, Garbled, Metric, Printed, Running, TrainBegan
from services.executor.lease import LeaseLost
from services.executor.limits import Limits, deadline
from services.executor.outcome import Killed, Record, outcome
from services.executor.reporter import Reporter
from services.executor.watch.alarm import Tick
from services.executor.watch.thresholds import Thresholds
from services.executor.watch.watch import Watch

log = logging.getLogger(__name__)
TICK = 1.0
"""Seconds between two looks at what is not happening: progress, use of the device."""
RETRY_DELAY = 1.0
"""Seconds until a job is tried again that could not be started; the worker that could not rests for longer."""
CLEAN_UP_SECONDS = 15.0
"""What it may take to kill a job, and more."""


class Attempt:
    """A worker's work on one delivery."""

    def __init__(
        self,
        delivery: Delivery,
        backend: Backend,
        worker: str,
        thresholds: Thresholds | None = None,
        grant: Grant | None = None,
        courier: Courier | None = None,
    ) -> None:
        """`grant`: what of the machine the job is given. `courier`: for a worker that does not see the run's disk."""
        self.delivery, self.backend, self.worker = delivery, backend, worker
        self.job, self.grant = delivery.job, grant or Grant()
        self._courier, self._here = courier, delivery.job
        self._journal = Journal(delivery.bus, delivery.envelope.run)
        self._reporter = Reporter(delivery)
        self._record, self._watch = Record(), Watch.of(thresholds or Thresholds())
        self._cancellation = Cancellation(self.job.id, self._journal)
        self._stopped: Killed | CancelJob | None = None
        self._handle: Handle | None = None
        self._running = False
        """The job's own code was reached: a backend may have a handle long before, and find out then that it cannot."""
        self._taken_up = time.monotonic()
        self._limits = Limits(self.job, self._taken_up)

    def cancel(self, request: CancelJob) -> None:
        """Stop the job, now or as soon as it is started; the first request counts."""
        self._cancellation.ask(request)

    async def run(self) -> None:
        """Work until the job has ended and is off the queue, or is lost to another worker, or given back to it.

        Raises what the job was given back for, when it is none of its own doing: `BackendFailed`, `NatsError`,
        `OSError`.
        """
        work, lease = asyncio.create_task(self._work()), asyncio.create_task(self.delivery.keep(self._renew))
        try:
            await asyncio.wait({work, lease}, return_when=asyncio.FIRST_COMPLETED)
            if work.done():
                work.result()
            else:
                lease.result()
        except LeaseLost as error:
            log.warning("lease lost, the job is left to another worker: %s", error)
            await _end(work, CLEAN_UP_SECONDS)  # and the job with it, before anything else: its time here is over
            await self._reporter.lost_lease(self.worker)
        except (BackendFailed, NatsError, OSError) as error:
            log.error("job %s given back: %s", self.job.id, error or type(error).__name__)
            if not work.done():
                await _end(work, CLEAN_UP_SECONDS)  # before anybody else may start it
            if not self._running:  # whatever is wrong here, the job has not done it
                await self._reporter.given_back(self.worker, str(error) or type(error).__name__)
            await self.delivery.give_back(RETRY_DELAY)
            raise
        except asyncio.CancelledError:  # the worker stops
            await asyncio.gather(_end(work, CLEAN_UP_SECONDS), self._reporter.given_back(self.worker))
            await self.delivery.give_back()
            raise
        finally:
            if not lease.done():
                await _end(lease)
            if not work.done():
                await _end(work, CLEAN_UP_SECONDS)

    async def _renew(self, until: float) -> None:
        """The lease holds until then; so may the job's process, should this one be frozen."""
        if isinstance(self._handle, Leased):
            await self._handle.renew(until)

    async def _work(self) -> None:
        if not await self._journal.exists():
            reason = f"run {self.delivery.envelope.run} has no journal"
            await self.delivery.bus.bury(self.delivery.msg.subject, reason, self.delivery.msg.data, "worker")
        elif await self._journal.find(end_id(self.job.id)) is None:
            await self._reporter.end(await self._refused() or await self._run())
        await self.delivery.done()

    async def _refused(self) -> JobEnd | None:
        """The end of a job that is not to be started at all."""
        asked = await self._cancellation.journaled()
        if asked is not None:
            return JobCancelled(**self._reporter.about(), reason=asked.reason)
        over = await given_up(self.delivery, self._journal, self._reporter.about())
        if over is not None:
            return over
        until = await deadline(self.job, self.delivery.envelope, self._journal)
        if until is not None:
            until += self.delivery.ahead
        if until is not None and time.time() >= until:
            return JobCancelled(**self._reporter.about(), reason=TOO_LATE)
        self._limits = Limits(self.job, self._taken_up, until)
        return None

    async def _run(self) -> JobEnd:
        """Run the job, and say what it says; its end. Raises `BackendFailed`."""
        price = self.backend.price(self.job) if isinstance(self.backend, Priced) else None
        accepted = JobAccepted(
            **self._reporter.about(),
            worker=self.worker,
            device=price.device if price else self.grant.device,
            delivery=self.delivery.count,
            backend=self.backend.name,
            sandboxed=self.backend.sandboxed,
            usd_per_hour=price.usd_per_hour if price else None,
        )
        self._reporter.say(accepted)
        pump = asyncio.create_task(self._reporter.pump())
        try:
            return await self._see_through()
        finally:
            await _end(pump)

    async def _see_through(self) -> JobEnd:
        terms = Terms(
            taken_up=self._taken_up,
            stop_at=self._limits.stop_at,
            lease_until=lambda: self.delivery.lease.until,
            latest=self._limits.latest,
            grant=self.grant,
        )
        try:
            handle = self._handle = await begun(self._start(terms), self._cancellation, self._limits.kill_at)
        except NotBegun as error:
            return JobCancelled(**self._reporter.about(), reason=str(error))
        except JobRefused as error:
            about, evidence = self._reporter.about(), error.cause.evidence
            return JobFailed(**about, reason=f"could not start: {error}", evidence=evidence, cause=error.cause)
        except BadJobFolder as error:
            cause = not_started(str(error), "argument_error")
            return JobFailed(**self._reporter.about(), reason=f"could not start: {error}", cause=cause)
        if not self.backend.machine.elastic:  # there it may wait for a place; its own limit of time holds
            self._limits.started()
        works = (self._limit(handle), self._obey(handle), self._look(handle), self._leave(handle))
        helpers = [asyncio.create_task(work) for work in works]
        try:
            await self._renew(self.delivery.lease.until)  # a long start may have missed a renewal
            async for said in handle.events():
                for event in said:
                    await self._hear(event, handle)
            exit = await handle.wait()
        finally:
            for helper in helpers:
                await _end(helper)
            await handle.kill()
        folder, seconds = JobFolder(self._here), time.monotonic() - self._taken_up
        end = await asyncio.to_thread(
            outcome, exit, self._record, self._stopped, folder, seconds, self._reporter.about()
        )
        return end if self._courier is None else await self._courier.send(end, self.job, self._here)

    async def _start(self, terms: Terms) -> Handle:
        terms = await self._fetched(terms)
        return await self.backend.start(self._here, terms)

    async def _fetched(self, terms: Terms) -> Terms:
        """Bring here what the job reads, where no disk is shared; the time that it takes is not the job's.

        Raises `JobRefused`, `BackendFailed`.
        """
        if self._courier is None:
            return terms
        begun = time.monotonic()
        self._here = await self._courier.fetch(self.job)
        took = time.monotonic() - begun
        return terms.model_copy(update={"stop_at": min(terms.stop_at + took, terms.latest)})

    async def _hear(self, event: Event, handle: Handle) -> None:
        """Note it, pass it on, and stop the job when a rule says so."""
        self._record.note(event)
        about = self._reporter.about()
        if isinstance(event, Running):
            self._running = True
            self._limits.running(event.at)
            warm = event.at - self._taken_up
            resumed = handle.resumed_from
            self._reporter.say(JobStarted(**about, pid=event.pid, warm_start_s=warm, resumed_from=resumed))
        elif isinstance(event, Checkpoint):
            self._reporter.say(JobCheckpoint(**about, step=event.step, path=event.path), event.step, event.path)
            if self._courier is not None:
                self._courier.checkpoint(self._here, Path(event.path))
        elif isinstance(event, TrainBegan):
            self._limits.trained_before(event.seconds)
        elif isinstance(event, Printed):
            self._reporter.printed(event.lines)
        elif isinstance(event, Garbled):
            log.warning("job %s wrote into its events.jsonl: %s", self.job.id, event.reason)
        elif isinstance(event, Metric):
            self._reporter.metric(event)
        await self._judge(event, handle)

    async def _judge(self, seen: Event | Tick, handle: Handle) -> None:
        """Show it to the rules; say the alarms that they raise, and kill the job for one that asks for it."""
        self._watch, alarms = self._watch.see(seen, time.monotonic())
        for alarm in alarms:
            if self._stopped is not None:
                return
            alert = JobAlert(**self._reporter.about(), rule=alarm.rule, evidence=alarm.evidence, kill=alarm.kill)
            self._reporter.say(alert, alarm.rule, alarm.kill, alarm.evidence)
            if alarm.kill:
                self._stopped = Killed(alarm.rule, alarm.evidence, alarm.rule)
                await insist(handle.kill)

    async def _look(self, handle: Handle) -> None:
        """Show the rules, again and again, that time passes, and what the job uses of the machine."""
        while True:
            await asyncio.sleep(TICK)
            try:
                usage = await handle.usage() if isinstance(handle, Sampled) else None
            except (BackendFailed, OSError) as error:  # the other rules go on without
                log.debug("job %s: no look at what it uses (%s)", self.job.id, error)
                usage = None
            self._record.use(usage)
            await self._judge(Tick(usage), handle)

    async def _limit(self, handle: Handle) -> None:
        """Kill a job that is not done when its time is over."""
        over = await insist(lambda: self._limits.enforce(handle))
        self._stopped = self._stopped or over
        await insist(handle.kill)

    async def _obey(self, handle: Handle) -> None:
        """Wait for a cancel request, and carry it out."""
        request = await self._cancellation.asked()
        self._stopped = self._stopped or request
        await insist(lambda: carry_out(request, handle, self.job.spec.grace))

    async def _leave(self, handle: Handle) -> None:
        """Stop the job when nobody is left to whom it matters."""
        await self._reporter.journal_gone.wait()
        self._stopped = self._stopped or Killed("its run has no journal any more")
        await insist(handle.kill)


async def _end(task: asyncio.Task[Any], again: float = AGAIN_SECONDS) -> None:
    """Cancel a task until it is done, and tell if it had ended by an error of its own. A cancellation can be lost
    (`protocol/tasks.py`); `again` leaves a task the time for its cleaning up before it is cancelled once more."""
    while not task.done():
        task.cancel()
        await asyncio.wait({task}, timeout=again)
    if not task.cancelled() and task.exception() is not None:
        log.warning("%s: %s", getattr(task.get_coro(), "__name__", task.get_name()), task.exception())
