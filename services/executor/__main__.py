"""Starts a worker: `python -m services.executor --queue default --slots 1 --name NAME [--bus nats://host:4222]`.

The bus comes from `--bus` or `POSTDOCS_BUS_URL`, its token from `POSTDOCS_BUS_TOKEN` (an argument would show in the
list of processes). SIGTERM or SIGINT stops it: running jobs are stopped and given back to the queue.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import signal
import socket
import sys

from protocol.bus import Bus
from protocol.errors import BadInput, PostdocsError
from services.executor.backends.local import LocalBackend
from services.executor.worker import Worker


def main() -> int:
    """Run it; the exit code."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    try:
        asyncio.run(_work(_arguments()))
    except PostdocsError as error:
        print(f"postdocs worker: {error}", file=sys.stderr)
        return error.exit_code
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m services.executor", description="Runs jobs from a queue.")
    parser.add_argument("--bus", default=os.environ.get("POSTDOCS_BUS_URL"), help="nats://host:port")
    parser.add_argument("--queue", default="default")
    parser.add_argument("--slots", type=int, default=1, help="jobs at a time")
    parser.add_argument("--name", default=f"{socket.gethostname()}-{os.getpid()}")
    parser.add_argument("--owner", help="the run that this worker was started for, and is stopped with")
    return parser.parse_args()


async def _work(arguments: argparse.Namespace) -> None:
    """Work until a signal comes, or until the worker fails."""
    if not arguments.bus:
        raise BadInput("no bus: give --bus nats://host:4222 or set POSTDOCS_BUS_URL")
    if arguments.slots < 1:
        raise BadInput(f"--slots {arguments.slots}: a worker needs at least one")
    bus = await Bus.connect(arguments.bus, os.environ.get("POSTDOCS_BUS_TOKEN"), name=f"worker {arguments.name}")
    try:
        backend = LocalBackend(arguments.slots)
        worker = Worker(
            bus,
            backend,
            queue=arguments.queue,
            slots=arguments.slots,
            name=arguments.name,
            owner=arguments.owner,
        )
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        working, stopping = asyncio.create_task(worker.run()), asyncio.create_task(stop.wait())
        await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        working.cancel()  # once: a second signal must not break into the cleaning up
        await asyncio.wait({working})
        if not working.cancelled():
            working.result()
    finally:
        await bus.close()


if __name__ == "__main__":
    sys.exit(main())
