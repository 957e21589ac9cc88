"""Panel: the tree of strategies and their experiments, with verdicts."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text

from protocol.experiment import Entry
from protocol.ledger import Ledger
from services.cli.dashboard.frame import Frame
from services.cli.screen import printable
from services.report.experiments import strategies, tree

TITLE = "strategies and experiments"
WIDE = 60
"""Columns from which on a score has its interval."""
SIGNS = {
    "running": ("▶", "blue"), "queued": ("·", "dim"), "proposed": ("·", "dim"), "trained": ("○", "blue"),
    "failed": ("✗", "red"), "killed": ("✗", "red"), "cancelled": ("✗", "dim"),
}  # fmt: skip
VERDICTS = {"promote": ("✓", "green"), "reject": ("✗", "red"), "hold": ("–", "yellow")}
WORDS = {"promote": "overtaken", "reject": "rejected", "hold": "held", "trained": "to be scored"}


def lines(frame: Frame, width: int, height: int) -> list[Text]:
    """Each strategy and, below it, what was tried; where not all fit, the way of what ships and the latest."""
    ledger = frame.ledger
    if not ledger.entries:
        return [Text("none yet", style="dim")]
    heads = strategies(ledger)
    kept = _kept(ledger, max(0, height - len(heads) - 1))
    told: list[Text] = []
    for strategy in heads:
        found = [(e, depth) for e, depth in tree(ledger) if e.experiment.strategy == strategy]
        least = min(depth for _, depth in found)
        shown = [(e, depth - least) for e, depth in found if e.experiment.id in kept]
        told.append(_head(strategy, ledger, len(found)))
        told += [_row(e, _guide(shown, at), ledger, width) for at, (e, _) in enumerate(shown)]
    left = len(ledger.entries) - len(kept)
    return [*told, Text(f"{left} more on page 3", style="dim")] if left else told


def _kept(ledger: Ledger, room: int) -> set[str]:
    """So many experiments at most: first the way of what ships, then what runs or waits, then the latest."""
    names = list(ledger.entries)
    if len(names) <= room + 1:  # no line is needed that says how many are left out
        return set(names)
    ways = ledger.lineage(ledger.incumbent or "")
    open_ = [entry.experiment.id for entry in ledger.with_status("running", "queued", "trained")]
    return set(list(dict.fromkeys([*ways, *open_, *reversed(names)]))[:room])


def _head(strategy: str, ledger: Ledger, count: int) -> Text:
    told = Text(strategy.replace("_", " "), style="bold")
    told.append(f" {count}", style="dim")
    if strategy in ledger.closed:
        told.append(f"  given up: {printable(ledger.closed[strategy])}", style="red")
    return told


def _guide(shown: Sequence[tuple[Entry, int]], at: int) -> str:
    """`│ └ `, below its parent."""
    depth = shown[at][1]
    lines = "".join("│ " if _goes_on(shown, at, level) else "  " for level in range(depth))
    return lines + ("├ " if _goes_on(shown, at, depth) else "└ ")


def _goes_on(shown: Sequence[tuple[Entry, int]], at: int, level: int) -> bool:
    """Whether more comes below on this level of the same branch."""
    return next((later == level for _, later in shown[at + 1 :] if later <= level), False)


def _row(entry: Entry, guide: str, ledger: Ledger, width: int) -> Text:
    id = entry.experiment.id
    ships = id == ledger.incumbent
    judged = entry.status == "scored" and entry.verdict
    sign, style = ("★", "bold green") if ships else VERDICTS.get(entry.verdict or "", ("○", "cyan"))
    if not ships and not judged:
        sign, style = SIGNS.get(entry.status, ("○", "cyan"))
    told = Text.assemble((guide, "bright_black"), (f"{sign} ", style), (printable(id), style if ships else ""))
    if entry.score and entry.score.failed is None:
        told.append(f" {entry.score if width >= WIDE else f'{entry.score.value:.3f}'}", style="bold" if ships else "")
    word = "ships" if ships else WORDS.get(entry.verdict or "", "") if judged else WORDS.get(entry.status, entry.status)
    told.append(f" {word}" if word else "", style=style)
    what = "the seed alone is another" if entry.experiment.repeats else entry.experiment.hypothesis
    why = entry.reason if entry.reason and not ships else what
    return told.append(f"  {printable(why)}", style="dim")
