"""Writes the rows that are trained on: one JSONL file, no prompt twice, in a seeded order. Called by the curator."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Sequence
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
