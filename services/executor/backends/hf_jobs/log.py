"""Follows the log of a job on the Hub, line by line, over lost connections. Used by `handle`.

`fetch_job_logs` blocks, and after a lost connection the Hub tells everything again: the client skips what it has told,
as long as it can connect again soon; where it gives up, we ask anew and skip as many lines ourselves.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
import time
from collections.abc import AsyncIterator, Callable

from huggingface_hub import HfApi

from services.executor.backends.backend import BackendFailed
from services.executor.backends.hf_jobs.faults import AWAY, BUSY, FAULTS, fault, retry_after, status_of

log = logging.getLogger(__name__)
AGAIN_SECONDS = 5.0
LOST_SECONDS = 600.0
"""A job counts as lost when the Hub fails for so long; a job itself may be silent for longer."""

LASTED_SECONDS = 60.0
"""Longer than any attempt to connect."""


class JobLog:
    """Lines of one job's log, each once."""

    def __init__(self, api: HfApi, namespace: str, job: str, is_last: Callable[[str], bool]) -> None:
        """`is_last`: whether nothing comes after this line."""
        self.api, self.namespace, self.job = api, namespace, job
        self._loop = asyncio.get_running_loop()
        self._queue: asyncio.Queue[str | Exception | None] = asyncio.Queue()
        self._is_last = is_last
        self._closed, self._told = False, 0
        self._failing_since: float | None = None
        # a thread of its own, which nobody waits for: it may sit in a read for two minutes
        threading.Thread(target=self._follow, name=f"log of {job}", daemon=True).start()

    async def batches(self) -> AsyncIterator[list[str]]:
        """What is new, until the log ends. Raises `BackendFailed` when it cannot be read any more."""
        ended = False
        while not ended:
            found = [await self._queue.get()]
            while not self._queue.empty():
                found.append(self._queue.get_nowait())
            lines = [line for line in found if isinstance(line, str)]
            if lines:
                yield lines
            for item in found:
                if isinstance(item, Exception):
                    raise item
            ended = None in found

    def close(self) -> None:
        """Nobody listens any more."""
        self._closed = True

    def _follow(self) -> None:
        """In the thread: pass on what comes, and last the error, or None for the end."""
        follow = True
        while not self._closed:
            begun = time.monotonic()
            try:
                whole = self._read(follow)
                if whole or not follow:
                    self._put(None)
                    return
                follow = False  # the client, too, takes a connection that breaks while the job ends for its end
            except FAULTS as error:
                if not _passing(error) or self._fails_for(begun) > LOST_SECONDS:
                    self._put(fault(f"read the log of job {self.job}", error))
                    return
                log.warning("the log of job %s was lost, and is asked for again: %s", self.job, error)
                time.sleep(retry_after(error) or AGAIN_SECONDS)
            except Exception as error:  # a thread's error would be seen by nobody
                self._put(BackendFailed(f"Hugging Face Jobs: the log of job {self.job} ends in {error!r}"))
                return

    def _fails_for(self, begun: float) -> float:
        """Seconds since the Hub began to fail, where it does again in a read that was begun then. A read that lasted
        had found the Hub, though the job had nothing to say."""
        now = time.monotonic()
        if self._failing_since is None or now - begun > LASTED_SECONDS:
            self._failing_since = now
        return now - self._failing_since

    def _read(self, follow: bool) -> bool:
        """Pass on the lines that were not told yet; whether the last one was among them, or nobody listens."""
        lines = self.api.fetch_job_logs(job_id=self.job, namespace=self.namespace, follow=follow)
        for number, line in enumerate(lines):
            self._failing_since = None
            if number >= self._told:
                self._told = number + 1
                self._put(line)
            if self._closed or self._is_last(line):
                return True
        return False

    def _put(self, item: str | Exception | None) -> None:
        with contextlib.suppress(RuntimeError):  # the loop was closed: nobody listens
            self._loop.call_soon_threadsafe(self._queue.put_nowait, item)


def _passing(error: Exception) -> bool:
    status = status_of(error)
    return status is None or status == BUSY or status in AWAY
