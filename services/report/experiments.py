"""The report on the experiments: a tree of strategies, their experiments, and what went on from them."""

from __future__ import annotations

from protocol.experiment import Entry
from protocol.ledger import Ledger
from services.report.facts import OVERTAKEN, STRATEGIES, VERDICTS, recipe
from services.report.page import Block, Bullets, Cell, Item, Paragraph, Row, Section, Span, Strong, Table
from services.report.sources import Sources

HEAD = ("experiment", "rung", "settings", "trained", "dev score [95 %]", "verdict")


def experiments(ledger: Ledger, sources: Sources) -> Section:
    if not ledger.entries:
        return Section("The experiments", (Paragraph(("None was run.",)),))
    rows = [row for strategy in strategies(ledger) for row in _branch(strategy, ledger, sources)]
    blocks: list[Block] = [
        Paragraph(
            (
                "Indented below an experiment is what went on from its weights, on the next rung: "
                "rung 0 is a short try, "
                "and each rung trains longer. “≈” repeats the one above under another seed, to see "
                "how much chance does. "
                "★ is what ships; what is held back does not, but others may go on from it.",
            )
        ),
        Table(HEAD, tuple(rows), wide=True),
    ]
    if ledger.closed:
        blocks.append(Paragraph(("Strategies that were given up:",)))
        closed = ledger.closed.items()
        blocks.append(
            Bullets(
                tuple(
                    Item((Strong(name), ": ", sources.figure(why, ("strategy_closed", name)))) for name, why in closed
                )
            )
        )
    return Section("The experiments", tuple(blocks))


def strategies(ledger: Ledger) -> list[str]:
    """In the order in which they were tried."""
    return list(dict.fromkeys(entry.experiment.strategy for entry in ledger.entries.values()))


def _branch(strategy: str, ledger: Ledger, sources: Sources) -> list[Row]:
    """The strategy itself, and its experiments below."""
    found = [(entry, depth) for entry, depth in tree(ledger) if entry.experiment.strategy == strategy]
    scores = {e.experiment.id: e.score for e, _ in found if e.score and not e.score.failed}
    count = f"{len(found)} experiment{'s' * (len(found) > 1)}"
    best = max(scores, key=lambda id: scores[id], default=None)
    told: tuple[Span, ...] = (Strong(STRATEGIES.get(strategy, strategy)), f": {count}")
    if best is not None:
        told += (", best ", sources.figure(f"{scores[best].value:.3f}", ("scored", best)))
    least = min(depth for _, depth in found)
    return [Row((told,)), *(_row(entry, depth - least + 1, ledger, sources) for entry, depth in found)]


def tree(ledger: Ledger) -> list[tuple[Entry, int]]:
    """(experiment, depth): each below the one whose weights it goes on from, or which it repeats."""
    children: dict[str | None, list[Entry]] = {}
    for entry in ledger.entries.values():
        children.setdefault(_above(entry, ledger), []).append(entry)
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


def _row(entry: Entry, depth: int, ledger: Ledger, sources: Sources) -> Row:
    e = entry.experiment
    name = f"≈ {e.id}" if e.repeats else e.id
    trained = sources.figure(f"{entry.seconds:.0f} s, {entry.steps} steps", ("job_end", e.id)) if entry.seconds else ""
    score: Cell = sources.figure(entry.score, ("scored", e.id)) if entry.score else "not scored"
    settings = sources.figure(_settings(entry, ledger), ("proposals", e.id))
    cells = (name, str(e.rung), settings, trained, score, _verdict(entry, sources))
    return Row(cells, depth=depth, strong=e.id == ledger.incumbent)


def _settings(entry: Entry, ledger: Ledger) -> str:
    """The recipe, or only that it is that of the experiment above; with where the weights are from, if elsewhere."""
    e = entry.experiment
    above = ledger.entries.get(e.parent or e.repeats or "")
    same = above is not None and above.experiment.recipe == e.recipe and above.experiment.strategy == e.strategy
    told = f"as {above.experiment.id}" if same and above else recipe(e)
    if above is not None and above.experiment.strategy != e.strategy:
        told += f"; from the weights of {above.experiment.id}"
    return f"{told}; seed {e.seed}" if e.repeats else told


def _verdict(entry: Entry, sources: Sources) -> Cell:
    e = entry.experiment
    reason = f": {entry.reason}" if entry.reason else ""
    word = VERDICTS.get(entry.verdict or "", entry.status)
    if entry.verdict == "promote":
        word = word if e.id == sources.ledger.incumbent else OVERTAKEN
        return (Strong(word), sources.figure(reason, ledger_gate(entry, sources))) if reason else Strong(word)
    told = f"{word}{reason}"
    keys = [(kind, e.id) for kind in ("verdict", "critique", "diagnosis", "job_end", "refused")]
    known = [key for key in keys if key in sources.ledger.origins]
    return sources.figure(told, *known[:1]) if known else told


def ledger_gate(entry: Entry, sources: Sources) -> tuple[str, str]:
    """The gate's verdict where it gave one, else the Critic's."""
    key = ("verdict", entry.experiment.id)
    return key if key in sources.ledger.origins else ("critique", entry.experiment.id)
