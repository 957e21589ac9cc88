"""A worker whose jobs do nothing, to measure what is around them: `python -m benchmarks.executor.noop`.

It is `services.executor` in all else: the same queue, leases, journal, ends.
"""

from __future__ import annotations

import asyncio
import os

from benchmarks.noop_backend import NoopBackend
from protocol.bus import Bus
from services.executor.inventory.machine import Machine
from services.executor.settings import read_settings
from services.executor.worker import Worker


async def main() -> None:
    settings = read_settings()
    bus = await Bus.connect(settings.bus, os.environ.get("POSTDOCS_BUS_TOKEN"), name=f"worker {settings.name}")
    try:
        backend = NoopBackend(Machine(cpus=64, memory_gb=64), leaves_model=True)
        await Worker(bus, backend, queue=settings.queue, slots=settings.slots, name=settings.name).run()
    finally:
        await bus.close()


if __name__ == "__main__":
    asyncio.run(main())
