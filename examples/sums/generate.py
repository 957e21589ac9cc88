"""Sources for the `sums` task: small additions and subtractions, worked out or only answered.

    python generate.py clean --rows 600 --seed 0      # JSONL {"text", "answer"} on stdout

Called by whoever loads `task.yaml`. `clean` is small and shows its work ("8-5+3" -> "3+3 = 6");
`prompts` is large and holds the result alone ("8-5+3" -> "6"), which is what a verifier needs and
little that a small model could learn from. So the way up leads through the metric as reward:
sample worked answers, keep or reinforce those whose last number is right.
Expressions belong to exactly one of train, dev and test.
"""

from __future__ import annotations

import argparse
import json
import sys
import zlib
from collections.abc import Iterator
from random import Random

DEFAULT_ROWS = {"clean": 600, "prompts": 6000, "dev": 400, "test": 1000}
SPLIT_OF_SOURCE = {"clean": "train", "prompts": "train", "dev": "dev", "test": "test"}
TERMS = (3, 4, 5)  # per expression
HIGHEST = 9  # of a term, and of every running total, so that a step is one of some 100 facts

Row = dict[str, str]


def expression(rng: Random) -> list[int]:
    """Signed terms whose running totals stay within 0..HIGHEST."""
    terms = [rng.randint(1, HIGHEST)]
    for _ in range(rng.choice(TERMS) - 1):
        total = sum(terms)
        terms.append(rng.choice([t for t in range(-total, HIGHEST - total + 1) if t != 0]))
    return terms


def written(terms: list[int]) -> str:
    """[8, -5, 3] -> "8-5+3"."""
    return "".join(f"{term:+}" for term in terms).removeprefix("+")


def worked(terms: list[int]) -> str:
    """[8, -5, 3] -> "3+3 = 6": the leftmost operation done first, until one number is left."""
    steps = []
    while len(terms) > 1:
        terms = [terms[0] + terms[1], *terms[2:]]
        steps.append(written(terms))
    return " = ".join(steps)


def split_of(text: str) -> str:
    """The split an expression belongs to: train 80 %, dev 8 %, test 12 %. A hash, so it never moves."""
    bucket = zlib.crc32(text.encode()) % 100
    return "dev" if bucket < 8 else "test" if bucket < 20 else "train"


def draw(source: str, seed: int) -> Iterator[Row]:
    """Endless rows of a source, no expression twice."""
    rng = Random(f"{source}-{seed}")
    seen: set[str] = set()
    while True:
        terms = expression(rng)
        text = written(terms)
        if text in seen or split_of(text) != SPLIT_OF_SOURCE[source]:
            continue
        seen.add(text)
        yield {"text": text, "answer": str(sum(terms)) if source == "prompts" else worked(terms)}


def generate(source: str, rows: int, seed: int) -> list[Row]:
    """The rows of a source; the same for the same arguments. Raises KeyError: no such source."""
    found = draw(source, seed)
    return [next(found) for _ in range(rows)]


def main(args: argparse.Namespace) -> None:
    for row in generate(args.source, args.rows or DEFAULT_ROWS[args.source], args.seed):
        sys.stdout.write(json.dumps(row) + "\n")


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", choices=list(DEFAULT_ROWS))
    parser.add_argument("--rows", type=int, default=0, help="how many; 0: the source's own default")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


if __name__ == "__main__":
    main(parse())
