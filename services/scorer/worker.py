"""The one thread in which torch works, so that the event loop never waits for it. Used by `service`.

One model is held at a time: what is asked meanwhile waits in the thread's queue, while everything that needs no
model goes on. The heavy imports (6 to 9 s on a cold disk) are its first piece of work.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

log = logging.getLogger(__name__)
Result = TypeVar("Result")


class TorchWorker:
    """`await worker.run(function)` runs it in the torch thread, after all that was asked before."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="torch")
        self.stopping = threading.Event()
        """Long work looks at this between two steps."""

    def warm_up(self) -> None:
        """Begin the heavy imports now; returns at once."""
        self._thread.submit(_warm_up)

    async def run(self, function: Callable[[], Result]) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._thread, function)

    def stop(self) -> None:
        """Drop what waits; what runs ends at its next step."""
        self.stopping.set()
        self._thread.shutdown(wait=False, cancel_futures=True)


def _warm_up() -> None:
    began = time.monotonic()
    try:
        from services.scorer import generate

        generate.rehearse()
    except Exception:  # the first score will meet the same error and report it to whoever asked
        log.exception("torch and transformers could not be loaded")
        return
    log.info("torch and transformers are loaded (%.1f s)", time.monotonic() - began)
