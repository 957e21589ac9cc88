"""The scorer as a process of its own:

    python -m services.scorer --run RUN --folder runs/RUN [--bus nats://host:4222]   # for one run
    python -m services.scorer [--bus nats://host:4222]                               # shared by all runs

The bus comes from POSTDOCS_BUS_URL and POSTDOCS_BUS_TOKEN where `--bus` is not given. Started by the launcher;
SIGTERM and SIGINT stop it. Exit codes: 0 stopped, 4 no bus.
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
from protocol.errors import BusUnavailable
from services.scorer.service import NAME, Scorer


async def serve(args: argparse.Namespace) -> None:
    """Serve until a signal says stop. Raises `BusUnavailable`."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    bus = await Bus.connect(args.bus, os.environ.get("POSTDOCS_BUS_TOKEN"), name=NAME)
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(bus.close)
        await stack.enter_async_context(Scorer(bus, args.run, args.folder))
        logging.getLogger(NAME).info("ready for %s", args.run or "all runs")
        await stop.wait()


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m services.scorer", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--run", help="serve this run only")
    parser.add_argument("--folder", type=Path, help="the run's folder, for a scorer that was restarted")
    parser.add_argument("--bus", default=os.environ.get("POSTDOCS_BUS_URL", "nats://127.0.0.1:4222"))
    return parser.parse_args()


def main() -> int:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s scorer %(levelname)s %(message)s")
    try:
        asyncio.new_event_loop().run_until_complete(serve(parse()))  # not `run`, which waits for the threads
    except BusUnavailable as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    code = main()
    logging.shutdown()
    sys.stdout.flush()
    os._exit(code)  # an import or a matrix product in the torch thread cannot be stopped, and would hold up the exit
