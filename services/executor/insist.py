"""What has to be done to a job is done, though its backend does not answer for a while. Used by an attempt.

A rented machine costs until it is stopped: a request to stop it must not be lost because the Hub was away when it came.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar

from services.executor.backends.backend import BackendFailed

log = logging.getLogger(__name__)
AGAIN_SECONDS = 1.0
Done = TypeVar("Done")


async def insist(act: Callable[[], Awaitable[Done]]) -> Done:
    """Do it again until the backend takes it; `act` must bear to be repeated."""
    while True:
        try:
            return await act()
        except (BackendFailed, OSError) as error:
            log.warning("tried again: %s", error or type(error).__name__)
            await asyncio.sleep(AGAIN_SECONDS)
