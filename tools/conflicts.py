"""Counts rows whose prompt stands with another answer elsewhere. Called by the curator, over all sources and dev."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tools.examples import Example


@dataclass(frozen=True)
class Conflicts:
    """Of one source: rows whose prompt stands anywhere else, and how many of these find another answer there."""

    conflicting: int
    compared: int


def count(sources: Mapping[str, Sequence[Example]], trusted: Sequence[Example] = ()) -> dict[str, Conflicts]:
    """The conflicts of every source, within it, with the others and with the trusted rows. Linear."""
    answers: dict[str, Counter[str]] = defaultdict(Counter)
    for examples in (*sources.values(), trusted):
        for example in examples:
            answers[example.key][example.answer_key] += 1
    found: dict[str, Conflicts] = {}
    for name, examples in sources.items():
        elsewhere = [answers[example.key] for example in examples]
        conflicting = sum(len(held) > 1 for held in elsewhere)
        found[name] = Conflicts(conflicting, sum(held.total() > 1 for held in elsewhere))
    return found
