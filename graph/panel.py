"""The state of a run at a glance, for Studio: small, bounded, and made anew from the ledger after each step."""

from __future__ import annotations

from typing import Any

from typing_extensions import TypedDict

from graph.clock import Clock
from protocol.experiment import Entry
from protocol.ledger import Ledger

ROWS = 10
"""Of the leaderboard."""


class Panel(TypedDict, total=False):
    """What one sees. `directive` and `budget["seconds"]` may be edited, and then hold; the rest is a picture."""

    goal: str
    floor: float | None
    ships: str
    """Who is in `final_model/`."""
    leaderboard: list[dict[str, Any]]
    running: list[str]
    budget: dict[str, Any]
    directive: dict[str, Any]
    closed: dict[str, str]
    """Strategy → why it is given up."""
    ended: dict[str, Any] | None


def panel(ledger: Ledger, clock: Clock) -> Panel:
    """The panel of a run as it stands."""
    spent = clock.spent(ledger)
    minds = list(ledger.spent_by.values())
    ended = ledger.ended
    return Panel(
        goal=ledger.brief.task.goal if ledger.brief else "",
        floor=ledger.floor.score.value if ledger.floor else None,
        ships=ledger.incumbent or "",
        leaderboard=_leaderboard(ledger),
        running=[_job(ledger, entry) for entry in ledger.with_status("running")],
        budget={
            "seconds": clock.budget,
            "spent": round(ended.seconds if ended else spent, 1),
            "left": 0.0 if ended else round(max(0.0, clock.budget - spent), 1),
            "tokens": sum(one.tokens for one in minds),
            "usd": round(sum(one.usd for one in minds), 4),
        },
        directive=ledger.directive.model_dump(),
        closed=dict(ledger.closed),
        ended=ended.model_dump(mode="json", exclude={"type"}) if ended else None,
    )


def _leaderboard(ledger: Ledger) -> list[dict[str, Any]]:
    """The best on dev, best first."""
    scored = [entry for entry in ledger.entries.values() if entry.score and not entry.score.failed]
    best = sorted(scored, key=lambda entry: entry.score.value if entry.score else 0.0, reverse=True)
    return [_row(entry, ledger) for entry in best[:ROWS]]


def _row(entry: Entry, ledger: Ledger) -> dict[str, Any]:
    assert entry.score is not None
    return {
        "experiment": entry.experiment.id,
        "strategy": entry.experiment.strategy,
        "dev": round(entry.score.value, 4),
        "interval": [round(entry.score.low, 4), round(entry.score.high, 4)],
        "verdict": entry.verdict or "",
        "ships": entry.experiment.id == ledger.incumbent,
    }


def _job(ledger: Ledger, entry: Entry) -> str:
    curve = ledger.curves.get(entry.experiment.id)
    if curve is None or not curve.steps:
        return f"{entry.experiment.id}: starting"
    return f"{entry.experiment.id}: step {curve.steps[-1]} of {curve.max_steps}, loss {curve.losses[-1]:.3f}"
