"""A job on loan from the queue to this worker: its lease, and how it is ended or given back."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from nats.aio.msg import Msg
from nats.errors import Error as NatsError

from protocol import subjects
from protocol.bus import Bus
from protocol.envelope import Envelope
from protocol.job import Job
from services.executor.lease import Lease, LeaseLost, clock

log = logging.getLogger(__name__)
IN_PROGRESS = b"+WPI"
"""JetStream: the job is worked on, the lease begins anew."""
ENDED, GIVEN_BACK = b"ended", b"given back"
"""What is said where a job is held, when it is held no more."""


class Delivery:
    """A job on loan to this worker."""

    def __init__(self, bus: Bus, msg: Msg, envelope: Envelope, job: Job, lease: Lease, ahead: float = 0.0) -> None:
        """`ahead`: seconds by which this machine's clock is ahead of the bus's, by which runs go."""
        self.ahead = ahead
        self.bus, self.msg, self.envelope, self.job = bus, msg, envelope, job
        self.count = int(msg.metadata.num_delivered)
        self.lease = lease

    async def keep(self, renewed: Callable[[float], Awaitable[None]]) -> None:
        """Beat until cancelled; tells `renewed` the new end of the lease each time.

        Raises `LeaseLost` at the end of the lease when no beat was confirmed in time.
        """
        lease = self.lease
        while lease.held:
            sent = clock()
            try:
                # answered when the consumer has noted it, of which a plain publish tells nothing
                await self.bus.client.request(self.msg.reply, IN_PROGRESS, timeout=max(0.01, lease.until - sent))
                if not lease.held:  # this process slept: the answer may come from a queue that has passed the job on
                    break
                lease.confirm(sent)
                await renewed(lease.until)
                await self.tell()
            except (NatsError, OSError, TimeoutError) as error:
                log.debug("job %s: heartbeat not heard (%s)", self.job.id, error)
                await asyncio.sleep(lease.beat / 10)
            else:
                await asyncio.sleep(lease.beat)
        raise LeaseLost(f"job {self.job.id}: no heartbeat of this worker was heard for {lease.silence:.1f} s")

    async def done(self) -> None:
        """Take it off the queue, and wait until the queue has confirmed that."""
        await self.msg.ack_sync(timeout=5)
        await self.tell(ENDED)

    async def give_back(self, delay: float = 0.0) -> None:
        """Let another worker have it."""
        if not self.lease.held or not self.bus.client.is_connected:
            return  # somebody has it by then, and the queue would take our word for theirs, and pass it on once more
        await self.msg.nak(delay or None)
        await self.tell(GIVEN_BACK)

    async def tell(self, what: bytes = b"") -> None:
        """Tell the other workers that the job is held, or no more: the queue does not show whether one is attended."""
        await self.bus.client.publish(subjects.held(self.job.queue, self.msg.subject), what)
