"""Starts a worker: `python -m services.executor --queue default --name NAME [--bus nats://host:4222] …`.

Each option can also be set in the environment (`settings.py`); the bus's token is only in `POSTDOCS_BUS_TOKEN`, since
an argument would show in the list of processes. SIGTERM or SIGINT stops it: running jobs are stopped and given back to
the queue. When it is told to drain, it ends with the last of its jobs, with exit code 0.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys

from protocol.bus import Bus
from protocol.errors import PostdocsError
from services.artifacts.courier import Courier
from services.artifacts.store import Store
from services.executor.backends.backend import Backend
from services.executor.backends.local import LocalBackend
from services.executor.backends.select import elsewhere
from services.executor.generation.service import Generations
from services.executor.preflight.service import Preflights
from services.executor.settings import Settings, read_settings
from services.executor.warm.environment import Environments
from services.executor.warm.pool import WarmPool
from services.executor.watch.thresholds import read_thresholds
from services.executor.worker import Worker


def main() -> int:
    """Run it; the exit code."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    try:
        asyncio.run(_work(read_settings()))
    except PostdocsError as error:
        print(f"postdocs worker: {error}", file=sys.stderr)
        return error.exit_code
    return 0


async def _work(settings: Settings) -> None:
    """Work until a signal comes, the worker has drained, or it fails."""
    bus = await Bus.connect(settings.bus, os.environ.get("POSTDOCS_BUS_TOKEN"), name=f"worker {settings.name}")
    try:
        backend = _backend(settings)
        preflights = _preflights(bus, backend, settings)
        generations = Generations(bus, preflights.ready, settings.owner)
        worker = Worker(
            bus,
            backend,
            queue=settings.queue,
            slots=settings.slots,
            name=settings.name,
            owner=settings.owner,
            thresholds=read_thresholds(settings.watch) if settings.watch else None,
            courier=Courier(Store(settings.artifacts)) if settings.artifacts else None,
        )
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        working, stopping = asyncio.create_task(worker.run()), asyncio.create_task(stop.wait())
        await preflights.start()
        await generations.start()
        await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        await generations.stop()
        await preflights.stop()
        await worker.stop(working)
    finally:
        await bus.close()


def _backend(settings: Settings) -> Backend:
    if settings.backend != "local":
        return elsewhere(settings.backend, settings.sandbox)
    return _local(settings)


def _local(settings: Settings) -> LocalBackend:
    pool = WarmPool(settings.pool, settings.recycle_after, os.environ, settings.sandbox, settings.preload)
    return LocalBackend(pool=pool, environments=Environments(settings.cache), sandboxed=settings.sandbox)


def _preflights(bus: Bus, backend: Backend, settings: Settings) -> Preflights:
    """Where jobs run elsewhere, they are still tried here."""
    shared = isinstance(backend, LocalBackend)
    return Preflights(bus, backend if shared else _local(settings), settings.owner, shared=shared)


if __name__ == "__main__":
    sys.exit(main())
