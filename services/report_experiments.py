"""The report on the experiments: a tree by lineage, and the score over time."""

from __future__ import annotations

from protocol.experiment import Entry
from protocol.ledger import Ledger
from services.report_facts import is_floor, recipe
from services.report_markdown import table

HEAD = ("experiment", "strategy", "rung", "hypothesis", "recipe", "dev score [95 %]", "verdict")
BARS = "▁▂▃▄▅▆▇█"


def experiments(ledger: Ledger) -> list[str]:
    if not ledger.entries:
        return ["## The experiments", "", "None was run.", ""]
    rows = [_row(entry, depth, ledger) for entry, depth in tree(ledger)]
    lines = [
        "## The experiments",
        "",
        "`└` goes on from the weights of the one above, `≈` repeats it under another seed.",
    ]
    lines += ["", *table(HEAD, rows)]
    if ledger.closed:
        lines += ["Strategies that were given up:", ""]
        lines += [f"- **{strategy}**: {why}" for strategy, why in ledger.closed.items()]
        lines.append("")
    return lines


def tree(ledger: Ledger) -> list[tuple[Entry, int]]:
    """(experiment, depth): each below the one whose weights it goes on from, or which it repeats."""
    children: dict[str | None, list[Entry]] = {}
    for entry in ledger.entries.values():
        above = _above(entry, ledger)
        children.setdefault(above, []).append(entry)
    order: list[tuple[Entry, int]] = []
    waiting = [(entry, 0) for entry in reversed(children.get(None, []))]
    while waiting:
        entry, depth = waiting.pop()
        order.append((entry, depth))
        waiting += [(child, depth + 1) for child in reversed(children.get(entry.experiment.id, []))]
    told = {entry.experiment.id for entry, _ in order}
    return order + [(e, 0) for e in ledger.entries.values() if e.experiment.id not in told]  # a lineage that loops


def _above(entry: Entry, ledger: Ledger) -> str | None:
    for name in (entry.experiment.repeats, entry.experiment.parent):
        if name in ledger.entries and name != entry.experiment.id:
            return name
    return None


def _row(entry: Entry, depth: int, ledger: Ledger) -> tuple[object, ...]:
    e = entry.experiment
    mark = "≈ " if e.repeats else "└ " if depth else ""
    name = "· " * max(0, depth - 1) + mark + (f"**{e.id}** ★" if e.id == ledger.incumbent else e.id)
    score = entry.score if entry.score else entry.status
    verdict = ": ".join(part for part in (entry.verdict or "", entry.reason) if part)
    return (name, e.strategy, e.rung, e.hypothesis, recipe(e), score, verdict)


def over_time(ledger: Ledger) -> list[str]:
    """Dev scores in the order in which they came in, beside the best admitted up to then."""
    scored = [(name, s.score) for name, s in ledger.scored.items() if not s.score.failed]
    if not scored:
        return []
    admitted = {verdict.candidate for verdict in ledger.verdicts if verdict.admitted}
    best = ledger.floor.score.value if ledger.floor else 0.0
    line, rows = [], []
    for number, (name, score) in enumerate(scored, start=1):
        if name in admitted or is_floor(ledger, name):
            best = max(best, score.value)
        line.append(best)
        rows.append((number, name, score, f"{best:.3f}"))
    return [
        "## The score over time",
        "",
        f"Each candidate: `{sparkline([score.value for _, score in scored])}`, what ships: `{sparkline(line)}` "
        "(a bar is a candidate, its height from 0 to 1).",
        "",
        *table(("", "candidate", "dev score [95 %]", "ships then"), rows),
    ]


def sparkline(values: list[float]) -> str:
    """One bar a value, from 0 to 1."""
    return "".join(BARS[min(len(BARS) - 1, max(0, int(value * len(BARS))))] for value in values)
