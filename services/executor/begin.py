"""The start of a job, which may take as long as pip or the fetch of a large model. Used by an attempt.

A request to cancel the job is heard meanwhile, and its deadline holds.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Coroutine
from typing import Any

from protocol.tasks import stop
from services.executor.backends.backend import Handle
from services.executor.cancel import Cancellation
from services.executor.insist import insist

TOO_LATE = "its deadline passed before it could be started"
UNDO_SECONDS = 15.0
"""For a start that is cancelled to undo what it has done."""


class NotBegun(Exception):
    """The job was to be stopped before it was started; says why."""


async def begun(start: Coroutine[Any, Any, Handle], cancellation: Cancellation, until: float) -> Handle:
    """The job, started, unless it is cancelled before, or `until` (monotonic time) has passed.

    Raises `NotBegun`, when nothing of the job is left, and what `start` raises.
    """
    starting, asking = asyncio.create_task(start), asyncio.create_task(cancellation.asked())
    left = None if math.isinf(until) else max(0.0, until - time.monotonic())
    try:
        await asyncio.wait({starting, asking}, timeout=left, return_when=asyncio.FIRST_COMPLETED)
        if starting.done():
            return starting.result()
        raise NotBegun(asking.result().reason if asking.done() else TOO_LATE)
    finally:
        await stop([asking])
        if not starting.done():
            await _undo(starting)


async def _undo(starting: asyncio.Task[Handle]) -> None:
    """Cancel it, and kill the job if that is there all the same."""
    await stop([starting], UNDO_SECONDS)
    if not starting.cancelled() and starting.exception() is None:
        await insist(starting.result().kill)
