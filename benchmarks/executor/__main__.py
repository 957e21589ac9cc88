"""How fast the executor is, measured on its real processes; nothing is simulated but the jobs that do nothing.

    python -m benchmarks.executor [--rounds N] [--cancels N] [--figures N] [--jobs N]

`make bench-executor`. Prints one JSON object; progress goes to standard error. What each figure means stands where it
is measured: `start.py`, `cancel.py`, `latency.py`, `queueing.py`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
from pathlib import Path

from benchmarks.executor import cancel, latency, queueing, start
from benchmarks.executor.harness import Bench, worker
from services.bus_server import BusServer


async def main(args: argparse.Namespace) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        async with BusServer(Path(folder) / "bus") as server:
            bench = await Bench.open(server.connection, Path(folder) / "jobs")
            told: dict[str, float] = {}
            async with worker(server.connection, "services.executor", "real", slots=1) as real:
                told |= await start.measure(bench, args.rounds)
                told |= await cancel.measure(bench, args.cancels, real)
                told |= await latency.measure(bench, args.figures)
            told |= await queueing.measure(bench, server.connection, args.jobs)
            await bench.bus.close()
    return {name: round(value, 4) for name, value in told.items()}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9, help="starts, warm and cold in turn")
    parser.add_argument("--cancels", type=int, default=20)
    parser.add_argument("--figures", type=int, default=400, help="logs whose way to the bus is timed")
    parser.add_argument("--jobs", type=int, default=1000, help="jobs that do nothing")
    print(json.dumps(asyncio.run(main(parser.parse_args()))))
