"""The artifact service of one run as a process: `python -m services.artifacts --run RUN --folder runs/RUN --store URL`.

The bus comes from POSTDOCS_BUS_URL and POSTDOCS_BUS_TOKEN. Started by the launcher. Exit codes: 0 stopped, 2 the store
cannot be used, 4 no bus.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import os
import signal
import sys
from pathlib import Path

from protocol.bus import Bus
from protocol.errors import PostdocsError
from services.artifacts.service import NAME, ArtifactService
from services.artifacts.store import Store
from services.run_folder import RunFolder


async def serve(args: argparse.Namespace) -> None:
    """Serve until a signal says stop. Raises `BusUnavailable`, `StoreUnusable`."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    store = await asyncio.to_thread(Store, args.store)
    bus = await Bus.connect(args.bus, os.environ.get("POSTDOCS_BUS_TOKEN"), name=NAME)
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(bus.close)
        await stack.enter_async_context(ArtifactService(bus, args.run, RunFolder(args.folder), store))
        await stop.wait()


def main() -> int:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s artifacts %(levelname)s %(message)s")
    parser = argparse.ArgumentParser(prog="python -m services.artifacts", description="A run's artifact service.")
    parser.add_argument("--run", required=True)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--store", required=True, metavar="URL")
    parser.add_argument("--bus", default=os.environ.get("POSTDOCS_BUS_URL", "nats://127.0.0.1:4222"))
    try:
        asyncio.run(serve(parser.parse_args()))
    except PostdocsError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
