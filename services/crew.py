"""The crew as a process of its own: every role that is installed, on the bus, each with its mind.

    python -m services.crew --run RUN [--roles reviewer,curator] [--guests statistician] [--file roles/statistician.py]

The bus comes from POSTDOCS_BUS_URL and POSTDOCS_BUS_TOKEN. Started by the launcher, and by `postdocs role`, which lets
SIGTERM end it after its present answers; a second one, or a run's end, ends it at once.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import signal
import sys
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path

from agents import registry
from agents.crew import serve
from agents.minds import choice
from agents.minds.llm import prices
from protocol.bus import Bus
from protocol.crew import BUILT_IN
from protocol.errors import PostdocsError
from protocol.service import Service
from protocol.tasks import stop as stop_tasks
from services.minds import RunMinds


async def work(args: argparse.Namespace) -> None:
    """Serve until a signal says stop."""
    prices.check()  # or a run would end with the first turn of a model
    stop, now = asyncio.Event(), asyncio.Event()

    def hear() -> None:
        (now if stop.is_set() else stop).set()

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, hear)
    needed = args.roles.split(",") if args.roles else list(BUILT_IN)
    names = [*needed, *filter(None, args.guests.split(","))] if args.roles else registry.names()
    here = {path.stem: path for path in args.file}
    bus = await Bus.connect(args.bus, os.environ.get("POSTDOCS_BUS_TOKEN"), name="crew")
    try:
        minds = choice.parsed(args.model) if args.model else None
        services = await started(bus, names, needed, args.run, minds, here)
        logging.info("serving %s", ", ".join(services))
        await stop.wait()
        if args.run is None:  # others go on without this process: what it has taken up, it answers
            waits = [asyncio.create_task(_drained(services.values())), asyncio.create_task(now.wait())]
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            await stop_tasks(waits)
        for service in services.values():
            await service.stop()
    finally:
        await bus.close()


async def _drained(services: Iterable[Service]) -> bool:
    await asyncio.gather(*(service.drain() for service in services))
    return True


async def started(
    bus: Bus,
    names: Sequence[str],
    needed: Collection[str],
    run: str | None,
    instead: choice.Minds | None = None,
    here: Mapping[str, Path] | None = None,
) -> dict[str, Service]:
    """The services of these roles, by name. One that cannot be loaded or started is skipped unless it is `needed`.
    `here`: those that are files."""
    services: dict[str, Service] = {}
    minds = RunMinds(bus, instead)
    for name in names:
        try:
            role = registry.load(name, here)
            service = serve(bus, role, minds.of, run)
            await service.start()
        except Exception:  # code of others, which may do anything on import
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
    parser.add_argument("--guests", default="", help="as --roles, of such as a run can go without")
    parser.add_argument("--file", type=Path, action="append", default=[], help="a role that is a file: roles/NAME.py")
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
