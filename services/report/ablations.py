"""The report's ablations, where the ledger has them: what each step of the winner's way added, and pairs of experiments
that differ in one setting.
"""

from __future__ import annotations

from itertools import combinations

from protocol.experiment import Entry
from protocol.ledger import Ledger
from services.report.facts import is_floor, winner
from services.report.page import Block, Cell, Paragraph, Section, Strong, table
from services.report.sources import Sources

MOST = 20
"""Pairs that are told, those with the largest differences."""


def ablations(ledger: Ledger, sources: Sources) -> Section | None:
    """None where the ledger has none."""
    blocks: list[Block] = []
    way = _way(ledger, sources)
    if len(way) > 1:
        blocks.append(Paragraph(("The winner's way from the base model, and what each step added:",)))
        blocks.append(table(("step", "strategy", "what it tried", "dev score [95 %]", "added"), way, wide=True))
    pairs = _pairs(ledger, sources)
    if pairs:
        blocks.append(
            Paragraph(
                (
                    "Pairs that differ in one setting alone, by the difference in their dev scores; one "
                    "that lies within both "
                    "intervals may be chance:",
                )
            )
        )
        blocks.append(
            table(("setting", "from", "to", "difference", "experiments", "beyond both intervals"), pairs, wide=True)
        )
    return Section("What made the difference", tuple(blocks)) if blocks else None


def _way(ledger: Ledger, sources: Sources) -> list[tuple[Cell, ...]]:
    name = winner(ledger)
    if name is None or is_floor(ledger, name) or ledger.floor is None:
        return []
    before, before_key = ledger.floor.score.value, ("floor_banked", "")
    rows: list[tuple[Cell, ...]] = [
        ("base", "", "the untouched base model", sources.figure(ledger.floor.score, before_key), "")
    ]
    for id in reversed(ledger.lineage(name)):
        entry, key = ledger.entries[id], ("scored", id)
        if entry.score is None:
            rows.append((id, entry.experiment.strategy, entry.experiment.hypothesis, entry.status, ""))
            continue
        added = sources.figure(
            f"{entry.score.value - before:+.3f}", key, before_key, how=f"dev score of {id} less that of the step before"
        )
        rows.append(
            (
                id,
                entry.experiment.strategy.replace("_", " "),
                entry.experiment.hypothesis,
                sources.figure(entry.score, key),
                added,
            )
        )
        before, before_key = entry.score.value, key
    return rows


def _pairs(ledger: Ledger, sources: Sources) -> list[tuple[Cell, ...]]:
    scored = [e for e in ledger.entries.values() if e.score and not e.score.failed and not e.experiment.repeats]
    found: list[tuple[float, tuple[Cell, ...]]] = []
    for one, other in combinations(scored, 2):
        setting = _only_difference(one, other)
        if setting is None or one.score is None or other.score is None:
            continue
        a, b = (entry.experiment for entry in (one, other))
        difference = other.score.value - one.score.value
        apart = one.score.low > other.score.high or other.score.low > one.score.high
        figure = sources.figure(
            f"{difference:+.3f}", ("scored", b.id), ("scored", a.id), how=f"dev score of {b.id} less that of {a.id}"
        )
        values = (_value(a.recipe.get(setting)), _value(b.recipe.get(setting)))
        row: tuple[Cell, ...] = (setting, *values, figure, f"{a.id}, {b.id}", Strong("yes") if apart else "no")
        found.append((abs(difference), row))
    return [row for _, row in sorted(found, key=lambda pair: -pair[0])[:MOST]]


def _value(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else "unset" if value is None else str(value)


def _only_difference(one: Entry, other: Entry) -> str | None:
    """The setting in which two experiments differ that are otherwise alike, seed and all; None where there is none, or
    more than one."""
    a, b = one.experiment, other.experiment
    alike = (a.strategy, a.rung, a.parent, a.decoding) == (b.strategy, b.rung, b.parent, b.decoding)
    names = [name for name in {*a.recipe, *b.recipe} if a.recipe.get(name) != b.recipe.get(name)]
    return names[0] if alike and len(names) == 1 else None
