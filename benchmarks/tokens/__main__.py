"""What a turn of a role costs in tokens while a run grows: flat, or more and more.

    python -m benchmarks.tokens [--iterations N] [--window N]

`make bench-tokens`. Roles, requests, digest, journal and graph are the real ones; the model behind them follows a
script (`crew.py`), and jobs and scores are made up (`world.py`). Tokens are those that the model's server counts in
the bodies of the requests that reach it, schemas of tools included: characters / 4. Prints one JSON object:

`growth`     mean tokens of a turn in the last `window` iterations / in the first ones
`first`, `last`  these means
`roles`      the same for each role
`requests`   mean tokens of a turn over the whole run, by what was asked
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from agents.minds.scripted import ScriptedServer
from benchmarks.tokens import crew
from benchmarks.tokens.turns import Turn, turns_of
from benchmarks.tokens.world import World

ITERATIONS, WINDOW = 50, 10


async def measure(iterations: int) -> list[list[Turn]]:
    """The turns of each iteration, after a run has begun."""
    told: list[list[Turn]] = []
    with tempfile.TemporaryDirectory() as folder, ScriptedServer(crew.reply) as server:
        os.environ["VLLM_BASE_URL"] = server.url
        async with World.open(Path(folder)) as world:
            await world.begin()
            for number in range(iterations):
                seen = len(server.seen)
                await world.iterate(number)
                told.append(turns_of(server, seen))
    return told


def summary(told: Sequence[Sequence[Turn]], window: int) -> dict[str, Any]:
    first = [turn for turns in told[:window] for turn in turns]
    last = [turn for turns in told[-window:] for turn in turns]
    asked: defaultdict[str, list[int]] = defaultdict(list)
    for turn in (turn for turns in told for turn in turns):
        asked[turn.asked].append(turn.tokens)
    return {
        "iterations": len(told),
        "window": window,
        **_grown(first, last),
        "roles": {
            role: _grown([turn for turn in first if turn.role == role], [turn for turn in last if turn.role == role])
            for role in sorted({turn.role for turn in [*first, *last]})
        },
        "requests": {name: round(fmean(tokens), 1) for name, tokens in sorted(asked.items())},
    }


def _grown(first: list[Turn], last: list[Turn]) -> dict[str, float]:
    before, after = (fmean(turn.tokens for turn in turns) for turns in (first, last))
    return {"growth": round(after / before, 4), "first": round(before, 1), "last": round(after, 1)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--iterations", type=int, default=ITERATIONS)
    parser.add_argument("--window", type=int, default=WINDOW)
    args = parser.parse_args()
    print(json.dumps(summary(asyncio.run(measure(args.iterations)), args.window), indent=2))


if __name__ == "__main__":
    main()
