"""The graph server as a process of its own:

    python -m services.graph_server --runs-dir runs [--bus nats://host:4222] [--worker none] [--crew none]

The bus comes from POSTDOCS_BUS_URL and POSTDOCS_BUS_TOKEN where `--bus` is not given, the folder from
POSTDOCS_RUNS_DIR. SIGTERM and SIGINT stop it; its runs go on when it is started again. Exit codes: 0 stopped, 2 that
folder cannot be written, 4 no bus, or another server keeps it.
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

from protocol.errors import PostdocsError
from services.bus_server import Connection
from services.graph_server.server import NAME, GraphServer


async def serve(args: argparse.Namespace) -> None:
    """Serve until a signal says stop. Raises `BadInput`, `BusUnavailable`, `AnotherServer`."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    connection = Connection(url=args.bus, token=os.environ.get("POSTDOCS_BUS_TOKEN") or None)
    async with contextlib.AsyncExitStack() as stack:
        bus = await connection.connect(NAME)
        stack.push_async_callback(bus.close)
        chosen = {"worker": args.worker, "crew": args.crew, "artifacts": args.artifacts}
        server = GraphServer(bus, connection, args.runs_dir, **chosen)
        await stack.enter_async_context(server)
        logging.getLogger(NAME).info("ready, runs in %s", server.runs_dir)
        await stop.wait()


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m services.graph_server",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--bus", default=os.environ.get("POSTDOCS_BUS_URL", "nats://127.0.0.1:4222"))
    parser.add_argument("--runs-dir", type=Path, default=Path(os.environ.get("POSTDOCS_RUNS_DIR", "runs")))
    parser.add_argument("--worker", default="auto", choices=("auto", "none"), help="start one where none is on the bus")
    parser.add_argument("--crew", default="local", choices=("local", "none"), help="none: the roles are on the bus")
    parser.add_argument("--artifacts", metavar="URL", default=os.environ.get("POSTDOCS_ARTIFACTS") or None)
    return parser.parse_args()


def main() -> int:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s graph server %(levelname)s %(message)s")
    try:
        asyncio.run(serve(parse()))
    except PostdocsError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
