"""The crew as a process of its own: every role that is installed, on the bus, each with its mind.

    python -m services.crew --run RUN [--roles reviewer,curator]

The bus comes from POSTDOCS_BUS_URL and POSTDOCS_BUS_TOKEN. Started by the launcher; SIGTERM stops it.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import signal
import sys
from collections.abc import Collection, Sequence

from agents import registry
from agents.crew import serve
from agents.minds import choice
from protocol.bus import Bus
from protocol.errors import PostdocsError
from protocol.service import Service
from services.minds import RunMinds

BUILT_IN = frozenset({"reviewer", "curator", "engineer", "experimentalist", "critic"})
"""A run cannot go without these."""


async def work(args: argparse.Namespace) -> None:
    """Serve until a signal says stop."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    names = args.roles.split(",") if args.roles else registry.names()
    bus = await Bus.connect(args.bus, os.environ.get("POSTDOCS_BUS_TOKEN"), name="crew")
    try:
        needed = BUILT_IN | set(names if args.roles else ())
        services = await started(bus, names, needed, args.run, choice.parsed(args.model) if args.model else None)
        logging.info("serving %s", ", ".join(services))
        await stop.wait()
        for service in services.values():
            await service.stop()
    finally:
        await bus.close()


async def started(
    bus: Bus, names: Sequence[str], needed: Collection[str], run: str | None, instead: choice.Minds | None = None
) -> dict[str, Service]:
    """The services of these roles, by name. One that cannot be loaded or started is skipped unless it is `needed`."""
    services: dict[str, Service] = {}
    minds = RunMinds(bus, instead)
    for name in names:
        try:
            role = registry.load(name)
            service = serve(bus, role, minds.of, run)
            await service.start()
        except (Exception, SystemExit):  # code of others, which may do anything on import
            if name in needed:
                raise
            logging.exception("role %s is broken and skipped", name)
            continue
        services[name] = service
    return services


def main() -> int:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s crew %(levelname)s %(message)s")
    parser = argparse.ArgumentParser(prog="python -m services.crew", description="Puts the roles on the bus.")
    parser.add_argument("--run", help="serve this run only; without it, all runs on the bus")
    parser.add_argument("--roles", default="", help="comma-separated names; all that are installed by default")
    parser.add_argument("--model", action="append", help="role=provider/model, in place of what the runs' briefs say")
    parser.add_argument("--bus", default=os.environ.get("POSTDOCS_BUS_URL", "nats://127.0.0.1:4222"))
    try:
        asyncio.run(work(parser.parse_args()))
    except PostdocsError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
