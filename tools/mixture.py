"""Writes the rows that are trained on: one JSONL file, no prompt twice, in a seeded order. Called by the curator."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from protocol.data import Mixture
from tools import jsonl
from tools.examples import Example


@dataclass(frozen=True)
class Ingredient:
    """One row of the mixture, and where it is from."""

    source: str
    example: Example
    prompt_length: int
    answer_length: int


def mix(candidates: Iterable[Ingredient], seed: int) -> list[Ingredient]:
    """The candidates, the first of every prompt, in an order that the seed alone decides."""
    once: dict[str, Ingredient] = {}
    for candidate in candidates:
        once.setdefault(candidate.example.key, candidate)
    mixed = list(once.values())
    random.Random(seed).shuffle(mixed)
    return mixed


def weigh(mixed: Sequence[Ingredient], weights: Mapping[str, float], cap: int | None = None) -> list[Ingredient]:
    """So many of each source that they stand in proportion to `weights`, and are `cap` in all at most.

    No row is repeated: the source that is scarcest for its weight decides how many there are of the others. Without
    weights only `cap` holds. A source without a weight is left out. The order stays.
    """
    if not weights:
        return list(mixed[:cap])
    there = Counter(one.source for one in mixed if weights.get(one.source, 0.0) > 0)
    if not there:
        return []
    total = sum(weights[name] for name in there)
    rows = min(count * total / weights[name] for name, count in there.items())
    rows = rows if cap is None else min(rows, cap)
    left = {name: max(1, int(rows * weights[name] / total + 1e-6)) for name in there}
    taken: list[Ingredient] = []
    for one in mixed:
        if left.get(one.source, 0) > 0:
            left[one.source] -= 1
            taken.append(one)
    return taken


def write(path: Path, mixed: Sequence[Ingredient]) -> Mixture:
    """Write the mixture, replacing the file in one piece, and describe it. The file's stem is its name."""
    sha256 = jsonl.write(path, (_record(one.example) for one in mixed))
    return Mixture(
        name=path.stem,
        path=str(path),
        sha256=sha256,
        rows=len(mixed),
        weights=dict(sorted(Counter(one.source for one in mixed).items())),
        prompt_tokens_max=max((one.prompt_length for one in mixed), default=0),
        answer_tokens_max=max((one.answer_length for one in mixed), default=0),
    )


def _record(example: Example) -> dict[str, object]:
    return {
        "prompt": example.prompt,
        "completion": example.completion,
        "answer": example.answer,
        "row": dict(example.row),
    }
