"""A worker's process that is told to drain ends with exit code 0."""

from __future__ import annotations

import asyncio

from executor_harness import BARE, WorkerProcess

from protocol.bus import Bus
from services import worker_access
from services.bus_server import Connection


async def test_the_process_of_a_drained_worker_ends_well(bus: Bus, server: Connection) -> None:
    process = WorkerProcess(server, "ada", "--no-sandbox", *BARE, slots=1)
    try:
        async with asyncio.timeout(60):
            while True:
                try:
                    await worker_access.order(bus, "ada", "drain")
                    break
                except worker_access.WorkerUnknown:
                    await asyncio.sleep(0.2)
            assert await asyncio.to_thread(process.process.wait, 60) == 0
    finally:
        if process.process.poll() is None:
            process.stop()
