"""The worker: takes jobs from one queue into its slots, passes cancel requests on, and shows itself on the bus.

Run by `python -m services.executor`.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.micro import add_service
from nats.micro.service import ServiceConfig

from protocol import subjects
from protocol.bus import Bus
from protocol.job import CancelJob
from protocol.service import VERSION
from services.executor.attempt import Attempt
from services.executor.backends.backend import Backend
from services.executor.queue import Delivery, JobQueue

log = logging.getLogger(__name__)
SERVICE = "worker"
AWAY_SECONDS = 1.0
"""Pause before the queue is asked again when the bus did not answer."""


class Worker:
    """Runs up to `slots` jobs of a queue at a time, on one backend."""

    def __init__(
        self, bus: Bus, backend: Backend, *, queue: str, slots: int, name: str, owner: str | None = None
    ) -> None:
        self.bus, self.backend, self.name, self.owner = bus, backend, name, owner
        self.queue = JobQueue(bus, queue)
        self._slots, self._free = slots, asyncio.Semaphore(slots)
        self._running: dict[str, tuple[Attempt, asyncio.Task[None]]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Work until cancelled; then stop the running jobs and give them back, so that they go on elsewhere.

        Raises `BackendFailed` when the backend cannot be opened.
        """
        service: Any = None
        try:
            await self.queue.open()
            service = await add_service(self.bus.client, self._description())
            await self.bus.client.subscribe(subjects.cancel(), cb=self._cancel)
            await self.bus.client.flush()  # no job is taken before cancel requests are heard
            await self.backend.open()
            log.info("worker %s takes jobs from %s (%s)", self.name, self.queue.name, self.backend.device)
            while True:
                await self._serve_one()
        finally:
            await self._stop(service)

    def _description(self) -> ServiceConfig:
        about = {
            "name": self.name,
            "queue": self.queue.name,
            "device": self.backend.device,
            "backend": self.backend.name,
            "slots": str(self._slots),
        }
        if self.owner is not None:  # it goes when its run does, so that no other run should count on it
            about["owner"] = self.owner
        return ServiceConfig(name=SERVICE, version=VERSION, description="runs training jobs", metadata=about)

    async def _serve_one(self) -> None:
        """Wait for a free slot, then for a job, and start on it."""
        await self._free.acquire()
        delivery = None
        try:
            delivery = await self.queue.take()
        except (NatsError, OSError) as error:
            log.warning("the queue does not answer: %s", error)
            await asyncio.sleep(AWAY_SECONDS)
        finally:
            if delivery is None:
                self._free.release()
        if delivery is not None:
            self._begin(delivery)

    def _begin(self, delivery: Delivery) -> None:
        attempt = Attempt(delivery, self.backend, self.name)
        before = self._running.get(delivery.job.id)
        task = asyncio.create_task(self._attend(attempt, before[1] if before else None))
        self._running[delivery.job.id] = attempt, task
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _attend(self, attempt: Attempt, before: asyncio.Task[None] | None) -> None:
        """See an attempt through; a worker outlives whatever befalls it."""
        job = attempt.job.id
        try:
            if before is not None:  # we lost its lease and got it again: two attempts must not share the folder
                await asyncio.wait({before})
            await attempt.run()
        except (NatsError, OSError) as error:
            log.warning("job %s will be delivered again: %s", job, error)
        except Exception:  # a defect of ours: the queue delivers the job again, thrice at most
            log.exception("job %s will be delivered again", job)
        finally:
            if self._running.get(job, (None,))[0] is attempt:
                del self._running[job]
            self._free.release()

    async def _cancel(self, msg: Msg) -> None:
        """A cancel request; it is for us if the job runs here."""
        envelope = await self.bus.parse(msg.data, msg.subject, SERVICE)
        if envelope is not None and isinstance(envelope.data, CancelJob):
            running = self._running.get(envelope.data.job)
            if running is not None:
                running[0].cancel(envelope.data)

    async def _stop(self, service: Any) -> None:
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.backend.close()
        if not self.bus.client.is_closed:
            await self.queue.close()
            if service is not None:
                await service.stop()
