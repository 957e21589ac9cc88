"""A pause between calls to the same service, as arXiv asks for: one call every three seconds.

https://info.arxiv.org/help/api/tou.html
"""

from __future__ import annotations

import asyncio
import time


class Pace:
    """Callers of one process go one after the other, `seconds` apart."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._next = 0.0

    async def wait(self) -> None:
        now = time.monotonic()
        slot = max(now, self._next)
        self._next = slot + self.seconds  # taken before the pause, so that the next caller queues behind it
        await asyncio.sleep(slot - now)


ARXIV_PACE = Pace(3.0)
