"""Stopping asyncio tasks for certain. Used by whoever owns some."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

AGAIN_SECONDS = 0.1


async def stop(tasks: Iterable[asyncio.Task[Any]], again: float = AGAIN_SECONDS) -> None:
    """Cancel tasks until they have ended; what they raise is dropped, for they were not wanted any more. `again` is
    the pause between two cancellations, in seconds: more for a task that has cleaning up to do in between.

    Once is not enough: before Python 3.12 `asyncio.wait_for`, which nats-py waits with, loses a cancellation that
    comes in the same moment as what it waits for (https://github.com/python/cpython/issues/86296).
    """
    pending = {task for task in tasks if not task.done()}
    while pending:
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=again)
    await asyncio.gather(*tasks, return_exceptions=True)
