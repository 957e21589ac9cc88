"""The tables of a run: the leaderboard, experiments by their dev score, and what its minds have spent. Used by the live
view and by `show`."""

from __future__ import annotations

from rich.table import Table
from rich.text import Text

from protocol.experiment import Entry
from protocol.ledger import Ledger
from services import spending
from services.cli.screen import printable

_VERDICT_COLOURS = {"promote": "green", "reject": "red", "hold": "yellow"}


def ranked(ledger: Ledger) -> list[Entry]:
    """Scored experiments, best first; failures, which lose to all, last."""
    scored = [entry for entry in ledger.entries.values() if entry.score is not None]
    return sorted(scored, key=lambda entry: entry.score, reverse=True)  # type: ignore[arg-type, return-value]


def leaderboard(ledger: Ledger, top: int | None = 5) -> Table:
    """The best experiments; the one that stands in `final_model/` is starred."""
    table = Table("", "experiment", "strategy", "rung", "dev score [95 %]", "verdict", box=None, pad_edge=False)
    for place, entry in enumerate(ranked(ledger)[:top], start=1):
        id = entry.experiment.id
        table.add_row(
            "★" if id == ledger.incumbent else str(place),
            printable(id) + (" (repeat)" if entry.experiment.repeats else ""),
            entry.experiment.strategy,
            str(entry.experiment.rung),
            printable(str(entry.score)),
            Text(entry.verdict or "", style=_VERDICT_COLOURS.get(entry.verdict or "", "")),
        )
    return table


def spent_by_minds(ledger: Ledger) -> Table:
    """Tokens, US dollars, tool calls and time of each role's language model and of all, against their budget."""
    table = Table(*spending.HEAD, box=None, pad_edge=False)
    for row in spending.rows(ledger):
        table.add_row(*map(printable, row))
    return table


def standing(ledger: Ledger) -> str:
    """Floor, incumbent and target in a line."""
    parts = [f"floor {ledger.floor.score}" if ledger.floor else "floor not banked yet"]
    if ledger.incumbent and ledger.incumbent_score:
        parts.append(f"incumbent {ledger.incumbent} {ledger.incumbent_score}")
    if ledger.brief and ledger.brief.task.target is not None:
        parts.append(f"target {ledger.brief.task.target:.3f}")
    return printable(" · ".join(parts))
