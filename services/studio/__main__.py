"""All of LangGraph Studio in one command: a bus, the desk, and LangGraph's server in its own environment.

    python -m services.studio --runs-dir runs --langgraph .venv-studio/bin/langgraph [--port 2024]

`make studio` calls it. SIGTERM and SIGINT stop it, and all that it has started; the runs go on when their threads are
opened again. Exit codes: 0 stopped, 2 LangGraph's server is not installed or another Studio keeps the folder, 4 a
service failed.
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

from agents import registry
from agents.minds import choice
from agents.minds.llm import prices
from protocol.brief import Choices, Track
from protocol.errors import PostdocsError
from protocol.tasks import stop
from services.bus_server import Connection
from services.studio.approvals import Approvals
from services.studio.bus import studio_bus
from services.studio.desk import Desk
from services.studio.server import LangGraphServer


async def serve(args: argparse.Namespace) -> None:
    """Serve until a signal says stop, or LangGraph's server ends. Raises `PostdocsError`s."""
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    prices.check()
    models = choice.chosen(choice.choose(args.model, registry.names()))
    choices = Choices(track=args.track, models=models)
    async with contextlib.AsyncExitStack() as stack:
        connection: Connection = await stack.enter_async_context(studio_bus(args.runs_dir, args.bus))
        bus = await connection.connect("studio")
        stack.push_async_callback(bus.close)
        await stack.enter_async_context(Desk(bus, connection, args.runs_dir, worker=args.worker, choices=choices))
        server = LangGraphServer(args.langgraph, args.host, args.port, connection, args.runs_dir)
        await stack.enter_async_context(server)
        await stack.enter_async_context(Approvals(bus, server.url))
        print(server.welcome(), flush=True)
        waits = [asyncio.create_task(stopped.wait()), asyncio.create_task(server.ended())]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        try:
            if waits[1].done():
                waits[1].result()
        finally:
            await stop(waits)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m services.studio", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs-dir", type=Path, default=Path(os.environ.get("POSTDOCS_RUNS_DIR", "runs")))
    parser.add_argument(
        "--bus", metavar="URL", default=os.environ.get("POSTDOCS_BUS_URL"), help="instead of an own one"
    )
    parser.add_argument(
        "--langgraph", type=Path, default=Path(".venv-studio/bin/langgraph"), help="the server's command"
    )
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=2024)
    parser.add_argument("--worker", default="auto", choices=("auto", "none"), help="start one where none is on the bus")
    parser.add_argument("--model", action="append", default=[], help="mind of the roles, as in postdocs run")
    parser.add_argument("--track", default="trackio", choices=Track.__args__)  # type: ignore[attr-defined]
    return parser.parse_args()


def main() -> int:
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s studio %(levelname)s %(message)s")
    try:
        asyncio.run(serve(parse()))
    except PostdocsError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
