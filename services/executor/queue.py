"""The worker's end of the job queue: a durable pull consumer, and the lease on each job that it takes."""

from __future__ import annotations

import asyncio
import re
import time
from typing import Any

from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.errors import TimeoutError as NatsTimeout
from nats.js.api import AckPolicy, ConsumerConfig

from protocol import subjects
from protocol.bus import Bus
from protocol.envelope import Envelope
from protocol.errors import BadInput
from protocol.job import Job
from protocol.queue import ensure_queue

LEASE = 10.0
"""Seconds without a heartbeat after which a job is given to another worker."""
BEAT = 2.0
"""Seconds between two heartbeats: a lease outlives four lost ones."""
MAX_WAITING = 10_000
"""Jobs that may be out with workers at a time; far above any number of slots."""
NAME = re.compile(r"[A-Za-z0-9_-]+")


class LeaseLost(Exception):
    """The queue has not heard of this worker for a whole lease: the job belongs to somebody else now."""


class BadQueueName(BadInput):
    """A queue's name becomes part of a NATS subject."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(f"{name!r} cannot name a queue: use letters, digits, '-' and '_'")


class Delivery:
    """A job on loan to this worker."""

    def __init__(self, bus: Bus, msg: Msg, envelope: Envelope, job: Job) -> None:
        self.bus, self.msg, self.envelope, self.job = bus, msg, envelope, job
        self.count = int(msg.metadata.num_delivered)
        self._confirmed = time.monotonic()

    async def keep(self, lease: float = LEASE, beat: float = BEAT) -> None:
        """Beat until cancelled. Raises `LeaseLost` when the bus has not answered for a lease."""
        while True:
            await asyncio.sleep(beat)
            try:
                await self.msg.in_progress()
                await self.bus.client.flush(timeout=2)  # an answer to our ping: the beat before it has arrived
            except (NatsError, OSError) as error:
                if time.monotonic() - self._confirmed > lease:
                    raise LeaseLost(f"job {self.job.id}: {error}") from error
                continue
            if time.monotonic() - self._confirmed > lease:  # this process itself slept, as a laptop does
                raise LeaseLost(f"job {self.job.id}: no heartbeat for {time.monotonic() - self._confirmed:.0f} s")
            self._confirmed = time.monotonic()

    async def done(self) -> None:
        """Take it off the queue, and wait until the queue has confirmed that."""
        await self.msg.ack_sync(timeout=5)

    async def give_back(self, delay: float = 0.0) -> None:
        """Let another worker have it."""
        await self.msg.nak(delay or None)


class JobQueue:
    """Jobs of one queue, one at a time."""

    def __init__(self, bus: Bus, name: str) -> None:
        if not NAME.fullmatch(name):
            raise BadQueueName(name)
        self.bus, self.name = bus, name
        self._subscription: Any = None

    async def open(self) -> None:
        """Make stream and consumer where they are not."""
        await ensure_queue(self.bus)
        config = ConsumerConfig(
            durable_name=f"worker-{self.name}",
            filter_subject=subjects.jobs(self.name),
            ack_policy=AckPolicy.EXPLICIT,
            ack_wait=LEASE,
            max_deliver=-1,  # no limit: the worker that takes a job judges how often it may still be tried
            max_ack_pending=MAX_WAITING,
        )
        self._subscription = await self.bus.jetstream.pull_subscribe(
            subjects.jobs(self.name), durable=config.durable_name, stream=subjects.JOBS_STREAM, config=config
        )

    async def take(self, timeout: float = 5.0) -> Delivery | None:
        """The next job, or None when none comes in time. What is no job goes to the dead letters."""
        try:
            (msg,) = await self._subscription.fetch(1, timeout=timeout)
        except (NatsTimeout, TimeoutError):
            return None
        envelope = await self.bus.parse(msg.data, msg.subject, "worker")
        if envelope is None:
            await msg.term()
            return None
        if not isinstance(envelope.data, Job):
            await self.bus.bury(msg.subject, f"{envelope.data.type} is no job", msg.data, "worker")
            await msg.term()
            return None
        return Delivery(self.bus, msg, envelope, envelope.data)

    async def close(self) -> None:
        """Stop asking for jobs; the server forgets an open request as soon as nobody listens for its answer."""
        if self._subscription is not None and not self.bus.client.is_closed:
            await self._subscription.unsubscribe()
