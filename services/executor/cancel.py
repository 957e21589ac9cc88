"""A request to stop a job that runs: heard, or found in the journal, and carried out. Used by an attempt."""

from __future__ import annotations

import asyncio
import logging

from nats.errors import Error as NatsError

from protocol.job import CancelJob
from protocol.journal import Journal
from protocol.queue import cancel_id
from services.executor.backends.backend import Handle

log = logging.getLogger(__name__)
TERM_SECONDS = 1.0
"""Between SIGTERM and SIGKILL for a job that is to save nothing."""
POLL = 0.5
"""A plain message may be lost on the way; what the journal has is found so soon after. With TERM_SECONDS a job that
heeds nothing is gone within 2 s all the same."""


class Cancellation:
    """What has been asked about one job."""

    def __init__(self, job: str, journal: Journal) -> None:
        self._job, self._journal = job, journal
        self._request: asyncio.Future[CancelJob] = asyncio.get_running_loop().create_future()

    def ask(self, request: CancelJob) -> None:
        """Stop the job, now or as soon as it is started; the first request counts."""
        if not self._request.done():
            self._request.set_result(request)

    async def asked(self) -> CancelJob:
        """Wait for a request."""
        while not self._request.done():
            await asyncio.wait({self._request}, timeout=POLL)
            if not self._request.done():
                await self._look()
        return self._request.result()

    async def journaled(self) -> CancelJob | None:
        """The request that the journal has, or None."""
        found = await self._journal.find(cancel_id(self._job))
        return found.data if found is not None and isinstance(found.data, CancelJob) else None

    async def _look(self) -> None:
        try:
            request = await self.journaled()
        except (NatsError, OSError) as error:  # the bus is away; the next look is soon
            log.warning("job %s: no look at the journal for a cancel request (%s)", self._job, error)
            return
        if request is not None:
            self.ask(request)


async def carry_out(request: CancelJob, handle: Handle, grace: float) -> None:
    """Stop the job: with `save` it may take `grace` seconds to write its model."""
    if request.save:
        await handle.save()
        await asyncio.sleep(grace)
    else:
        await handle.terminate()
        await asyncio.sleep(TERM_SECONDS)
    await handle.kill()
