"""The tracker of one run as a process: `python -m services.tracking --run RUN --to trackio --folder runs/RUN/tracking`.

The bus comes from POSTDOCS_BUS_URL and POSTDOCS_BUS_TOKEN. Started by the launcher, at the lowest priority. Exit code
0 when the run has ended and all is written, or when there is no tracker left that works.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import get_args

from protocol.brief import Track
from protocol.bus import Bus
from protocol.errors import PostdocsError
from protocol.journal import Journal
from services.tracking.follow import Follower
from services.tracking.provenance import provenance
from services.tracking.record import Tracker

LOWEST = 19
"""Niceness: the training wants the processor too."""


def trackers(to: Track, project: str, folder: Path) -> dict[str, Callable[[], Tracker]]:
    """Name → how to open it, which is slow, and may fail."""

    def trackio() -> Tracker:
        from services.tracking.trackio_store import TrackioStore

        return TrackioStore(project)

    def wandb() -> Tracker:
        from services.tracking.wandb_runs import WandbRuns

        return WandbRuns(project, folder)

    both: dict[str, Callable[[], Tracker]] = {"trackio": trackio, "wandb": wandb}
    return both if to == "both" else {to: both[to]}


async def track(args: argparse.Namespace) -> None:
    """Follow the journal until the run has ended, or a signal says stop. Raises `BusUnavailable`."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    bus = await Bus.connect(args.bus, os.environ.get("POSTDOCS_BUS_TOKEN"), name="tracker")
    try:
        origin = await asyncio.to_thread(provenance, Path.cwd())
        await Follower(Journal(bus, args.run), trackers(args.to, args.run, args.folder), origin).run(stop)
    finally:
        await bus.close()


def main() -> int:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s tracker %(levelname)s %(message)s")
    parser = argparse.ArgumentParser(prog="python -m services.tracking", description="Tracks a run's jobs.")
    parser.add_argument("--run", required=True)
    parser.add_argument("--to", required=True, choices=[name for name in get_args(Track) if name != "none"])
    parser.add_argument("--folder", required=True, type=Path, help="for what a tracker keeps in files")
    parser.add_argument("--bus", default=os.environ.get("POSTDOCS_BUS_URL", "nats://127.0.0.1:4222"))
    os.nice(LOWEST)
    try:
        asyncio.run(track(parser.parse_args()))
    except PostdocsError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
