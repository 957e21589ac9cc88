"""Finds rows that say again what an earlier row says. Called by the curator for every source.

Exact: the same prompt (case and white space aside) and the same answer. Near: the same answer, the same digits, and
either the same words without punctuation, or character 5-shingles with a Jaccard similarity of at least 0.9
(Broder 1997; MinHash LSH as in Lee et al. 2022, arXiv:2107.06499, by `datasketch`). Digits must agree because dates
and sums that differ in one digit look alike and are different questions.
"""

from __future__ import annotations

import random
import re
import zlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from tools.examples import Example

THRESHOLD = 0.9
SHINGLE = 5
BANDS, BAND_ROWS = 8, 4
"""8 bands of 4: a pair at similarity 0.9 becomes a candidate with probability 0.9998; each is then measured exactly."""
FEW = 256
"""Up to so many rows, comparing all of like size is quicker than hashing them."""
MAX_ROWS, MAX_CHARACTERS = 20_000, 4_000_000
"""Beyond either a seeded sample is examined: about 3 s on one core."""
_DIGITS = re.compile(r"\d+")
_PUNCTUATION = ".,;:!?\"'“”‘’"


@dataclass(frozen=True)
class Duplicates:
    """Positions of rows that repeat an earlier one, and how many there are in all."""

    exact: tuple[int, ...]
    near: tuple[int, ...]
    near_estimate: int
    """Equals len(near) unless only a sample was examined; then it is scaled to all rows."""
    examined: int
    """Rows that were compared for near duplicates: those that share answer and digits with another."""
    note: str = ""


def find(examples: Sequence[Example], threshold: float = THRESHOLD, seed: int = 0) -> Duplicates:
    """The duplicates among the examples, the first of each kept. Near linear in their number."""
    first: dict[tuple[str, str], int] = {}
    exact: list[int] = []
    for position, example in enumerate(examples):
        if first.setdefault((example.key, example.answer_key), position) != position:
            exact.append(position)
    groups = _comparable(examples, sorted(first.values()))
    total = sum(map(len, groups))
    rate = _rate(examples, groups)
    rng = random.Random(seed)
    near: list[int] = []
    examined, estimate = 0, 0.0
    for group in groups:
        chosen, chance = _sample(group, rate, rng)
        found = _near(examples, chosen, threshold)
        near.extend(found)
        examined += len(chosen)
        estimate += min(len(found) / chance, len(group) / rate)
    note = f"near duplicates estimated from {examined} of {total} rows" if rate < 1 else ""
    return Duplicates(tuple(exact), tuple(sorted(near)), min(total, round(estimate)), examined, note)


def original(examples: Sequence[Example], position: int) -> int | None:
    """Which earlier row this one repeats, or repeats most nearly; None where none is comparable. Linear."""
    mine = examples[position]
    digits, shingles = _DIGITS.findall(mine.key), _shingles(mine.key)
    best, nearest = 0.0, None
    for other in range(position):
        one = examples[other]
        if one.answer_key != mine.answer_key or _DIGITS.findall(one.key) != digits:
            continue
        similarity = _jaccard(shingles, _shingles(one.key))
        if similarity > best:
            best, nearest = similarity, other
    return nearest


def _comparable(examples: Sequence[Example], positions: Sequence[int]) -> list[list[int]]:
    """The rows in groups of the same answer and digits: only within one can there be near duplicates."""
    groups: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for position in positions:
        example = examples[position]
        groups[(example.answer_key, *_DIGITS.findall(example.key))].append(position)
    return [group for group in groups.values() if len(group) > 1]


def _rate(examples: Sequence[Example], groups: Sequence[Sequence[int]]) -> float:
    """The share of the rows that the bounds allow to be examined."""
    rows = sum(map(len, groups))
    characters = sum(len(examples[position].key) for group in groups for position in group)
    return min(1.0, MAX_ROWS / max(1, rows), MAX_CHARACTERS / max(1, characters))


def _sample(group: list[int], rate: float, rng: random.Random) -> tuple[list[int], float]:
    """The rows of a group to examine, and the chance of a pair within it to be among them: small groups are taken
    whole or not at all, of large ones a share of the rows, where both of a pair must be drawn."""
    if rate >= 1:
        return group, 1.0
    if len(group) <= FEW:
        return (group if rng.random() < rate else []), rate
    return sorted(rng.sample(group, max(1, round(rate * len(group))))), rate**2


def _near(examples: Sequence[Example], group: Sequence[int], threshold: float) -> set[int]:
    """The members of a group that repeat an earlier member."""
    found: set[int] = set()
    first: dict[str, int] = {}
    rest: list[int] = []
    for position in group:
        words = " ".join(word.strip(_PUNCTUATION) for word in examples[position].key.split())
        if first.setdefault(words, position) != position:
            found.add(position)
        else:
            rest.append(position)
    return found | _similar([(position, _shingles(examples[position].key)) for position in rest], threshold)


def _similar(members: Sequence[tuple[int, frozenset[bytes]]], threshold: float) -> set[int]:
    """The members whose shingles are at least `threshold` similar to those of an earlier one."""
    if len(members) < 2:
        return set()
    if len(members) <= FEW:
        return _similar_by_pairs(members, threshold)
    from datasketch import MinHash, MinHashLSH  # half a second to import

    index = MinHashLSH(params=(BANDS, BAND_ROWS), num_perm=BANDS * BAND_ROWS)
    hashes = MinHash.bulk([shingles for _, shingles in members], num_perm=BANDS * BAND_ROWS, hashfunc=zlib.crc32)
    held = dict(members)
    found: set[int] = set()
    for (position, shingles), hashed in zip(members, hashes, strict=True):
        if any(_jaccard(shingles, held[other]) >= threshold for other in index.query(hashed)):
            found.add(position)
        else:
            index.insert(position, hashed)
    return found


def _similar_by_pairs(members: Sequence[tuple[int, frozenset[bytes]]], threshold: float) -> set[int]:
    """All pairs whose sizes allow the similarity: it is at most the smaller set's share of the larger."""
    found: set[int] = set()
    by_size = sorted(members, key=lambda member: (len(member[1]), member[0]))
    start = 0
    for i, (position, shingles) in enumerate(by_size):
        while len(by_size[start][1]) < threshold * len(shingles):
            start += 1
        for other, others in by_size[start:i]:
            if _jaccard(shingles, others) >= threshold:
                found.add(max(position, other))
    return found


def _shingles(text: str) -> frozenset[bytes]:
    return frozenset(text[start : start + SHINGLE].encode() for start in range(max(1, len(text) - SHINGLE + 1)))


def _jaccard(one: frozenset[bytes], other: frozenset[bytes]) -> float:
    shared = len(one & other)
    return shared / (len(one) + len(other) - shared)
