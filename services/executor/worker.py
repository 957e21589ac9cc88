"""The worker: takes jobs from one queue for as long as its machine has room, and passes cancel requests on.

Run by `python -m services.executor`. Which job it takes says `inventory/policy.py`, on what it runs
`inventory/placement.py`; how it shows itself on the bus and is told to pause says `presence.py`.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import time
from dataclasses import dataclass

from nats.aio.msg import Msg
from nats.errors import Error as NatsError

from protocol import subjects
from protocol.bus import Bus
from protocol.errors import BusUnavailable
from protocol.job import CancelJob, Job, Needs
from protocol.lane import lane_of, placed_by
from protocol.tasks import AGAIN_SECONDS
from protocol.worker import Condition, HeldJob, Order, Unserved, WorkerState
from services.artifacts.courier import Courier
from services.executor.attempt import Attempt
from services.executor.backends.backend import Backend, BackendFailed
from services.executor.delivery import Delivery
from services.executor.inventory.machine import Grant
from services.executor.inventory.placement import Placed, default_slots
from services.executor.inventory.policy import LaneState, choose, unservable
from services.executor.presence import Presence
from services.executor.queue import JobQueue
from services.executor.rests import Rests
from services.executor.watch.thresholds import Thresholds

log = logging.getLogger(__name__)
POLL = 2.0
"""Seconds between two looks at the queue when nothing is heard: a lease that ran out is told by nobody."""
AWAY_SECONDS = 1.0
"""Pause before the queue is asked again when the bus did not answer."""
MISSED_SECONDS = 0.02
"""Pause after another worker was faster."""


@dataclass(eq=False)
class Held:
    """A job that this worker has, and what of the machine is its."""

    attempt: Attempt
    placed: Placed
    task: asyncio.Task[None] | None = None


class Worker:
    """Runs jobs of a queue, on one backend, as many at a time as `slots` and the machine allow."""

    def __init__(
        self,
        bus: Bus,
        backend: Backend,
        *,
        queue: str,
        name: str,
        slots: int | None = None,
        owner: str | None = None,
        thresholds: Thresholds | None = None,
        courier: Courier | None = None,
    ) -> None:
        self.bus, self.backend, self.name = bus, backend, name
        self.queue = JobQueue(bus, queue)
        self.condition: Condition = "working"
        self._slots, self._thresholds, self._courier = slots, thresholds, courier
        self._held: list[Held] = []
        self._unserved: tuple[Unserved, ...] = ()
        self._restored = time.monotonic()
        self._stopping = False
        self._rests = Rests()
        self._presence = Presence(bus, self.state, self.obey, owner)

    @property
    def slots(self) -> int | None:
        """Jobs at a time; None: as many as there is room for."""
        return self._slots or default_slots(self.backend.machine)

    async def run(self) -> None:
        """Work until cancelled; then stop the running jobs and give them back, so that they go on elsewhere.

        Returns when it was told to drain and its last job has ended. Raises `BackendFailed` when the backend cannot be
        opened.
        """
        try:
            await self.queue.open()
            await self._presence.open()
            await self.bus.client.subscribe(subjects.cancel(), cb=self._cancel)
            # no job is taken before cancel requests are heard; a flush that is cancelled spoils the client's next one
            await asyncio.shield(self.bus.client.flush())
            await self.backend.open()
            log.info("worker %s takes jobs from %s (%s)", self.name, self.queue.name, self.backend.device)
            while self.condition != "draining" or self._held:
                await self._turn()
            log.info("worker %s has drained", self.name)
        finally:
            await self._clean_up()

    async def stop(self, running: asyncio.Task[None]) -> None:
        """Cancel the task that is in `run`, and wait for its end; what it had failed by is raised.

        The cancellation is repeated as long as it may have been lost (`protocol/tasks.py`), but not once the jobs are
        being stopped: that must not be broken into.
        """
        while not (self._stopping or running.done()):
            running.cancel()
            await asyncio.wait({running}, timeout=AGAIN_SECONDS)
        await asyncio.wait({running})
        if not running.cancelled():
            running.result()

    def state(self) -> WorkerState:
        """How it is, for people."""
        return WorkerState(
            name=self.name,
            host=socket.gethostname(),
            pid=os.getpid(),
            queue=self.queue.name,
            device=self.backend.device,
            backend=self.backend.name,
            slots=self.slots,
            sandboxed=self.backend.sandboxed,
            condition=self.condition,
            jobs=tuple(_held_job(held.attempt.job, held.placed.grant) for held in self._held),
            unserved=self._unserved,
        )

    def obey(self, order: Order) -> None:
        """Pause, take jobs again, or end with the last of them. One that drains has left the queue: it stays so."""
        conditions: dict[Order, Condition] = {"pause": "paused", "resume": "working", "drain": "draining"}
        if order in conditions and self.condition != "draining":
            self.condition = conditions[order]
            log.info("worker %s is %s", self.name, self.condition)
            self.queue.wake()

    async def _turn(self) -> None:
        """Take one job, or wait for news."""
        try:
            if time.monotonic() - self._restored > POLL:
                await self.queue.restore()
                self._restored = time.monotonic()
            if not await self._take_one():
                await self.queue.news(POLL)
        except (NatsError, OSError) as error:
            if self.bus.client.is_closed:  # for good: the server has thrown us out, and nats-py does not come back
                url = next((server.geturl() for server in self.bus.client.servers), "")
                raise BusUnavailable(url, "it has closed the connection", "start the worker again") from error
            log.warning("the queue does not answer: %s", error)
            await asyncio.sleep(AWAY_SECONDS)

    async def _take_one(self) -> bool:
        """Take the job whose turn it is; False when there is none, or no room."""
        if self.condition != "working":
            return False
        lanes = await self.queue.lanes()
        self._note_unserved(lanes)
        running = [held.placed for held in self._held]
        choice = choose(self.backend.machine, self.slots, running, self._rests.awake(lanes), time.time())
        if choice is None:
            return False
        delivery = await self.queue.take(choice.lane)
        if delivery is None:
            await asyncio.sleep(MISSED_SECONDS)
        else:
            self._begin(delivery, choice.grant)
        return True

    def _note_unserved(self, lanes: list[LaneState]) -> None:
        """Say, once for each, which jobs wait in vain for this machine."""
        before, found = self._unserved, unservable(self.backend.machine, self.slots, lanes)
        self._unserved = tuple(
            Unserved(run=state.lane.run, needs=_in_words(state.lane.needs), waiting=state.waiting) for state in found
        )
        for one in self._unserved:
            if (one.run, one.needs) not in {(other.run, other.needs) for other in before}:
                log.warning("jobs of run %s wait for %s; this worker has %s", one.run, one.needs, self.backend.device)

    def _begin(self, delivery: Delivery, grant: Grant) -> None:
        spec = delivery.job.spec
        placed = Placed(needs=placed_by(spec.needs), grant=grant, ends=time.time() + spec.seconds + spec.grace)
        before = [held.task for held in self._held if held.attempt.job.id == delivery.job.id and held.task]
        held = Held(Attempt(delivery, self.backend, self.name, self._thresholds, grant, self._courier), placed)
        self._held.append(held)
        held.task = asyncio.create_task(self._attend(held, before))

    async def _attend(self, held: Held, before: list[asyncio.Task[None]]) -> None:
        """See an attempt through; a worker outlives whatever befalls it."""
        job, lane = held.attempt.job.id, lane_of(held.attempt.job)
        try:
            if before:  # we lost its lease and got it again: two attempts must not share the folder
                await asyncio.wait(before)
            await held.attempt.run()
            self._rests.worked(lane)
        except (BackendFailed, NatsError, OSError):  # of which the attempt has told
            log.warning("worker %s takes no job like %s for %.0f s", self.name, job, self._rests.failed(lane))
        except Exception:  # a defect of ours: the queue delivers the job again, a few times at most
            log.exception("job %s will be delivered again", job)
        finally:
            self._held.remove(held)
            self.queue.wake()

    async def _cancel(self, msg: Msg) -> None:
        """A cancel request; it is for us if the job runs here."""
        envelope = await self.bus.parse(msg.data, msg.subject, "worker")
        if envelope is not None and isinstance(envelope.data, CancelJob):
            for held in self._held:
                if held.attempt.job.id == envelope.data.job:
                    held.attempt.cancel(envelope.data)

    async def _clean_up(self) -> None:
        self._stopping = True
        tasks = [held.task for held in self._held if held.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.backend.close()
        if not self.bus.client.is_closed:
            await self.queue.close()
            await self._presence.close()


def _held_job(job: Job, grant: Grant) -> HeldJob:
    return HeldJob(job=job.id, run=job.run, experiment=job.experiment, device=grant.device)


def _in_words(needs: Needs) -> str:
    """`2 × h100, 40 GB on each, 8 GB of host memory`."""
    parts = [f"{needs.gpus} × {needs.kind or 'GPU'}" if needs.gpus else "the CPU"]
    if needs.min_memory_gb is not None:
        parts.append(f"{needs.min_memory_gb:g} GB on each")
    if needs.memory_gb is not None:
        parts.append(f"{needs.memory_gb:g} GB of host memory")
    if needs.backend is not None:
        parts.append(f"the backend {needs.backend}")
    return ", ".join(parts)
