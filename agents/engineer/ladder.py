"""The ladder of rungs: many recipes for a short time, the best of them for longer and longer.

Asynchronous successive halving (Li et al. 2020, arXiv:1810.05934): a promotion does not wait for the whole rung, and
an experiment on a higher rung goes on from the weights of the one below. When what is left is too short for another
rung, the last one gets all of it.
"""

from __future__ import annotations

from dataclasses import dataclass

from agents.engineer.plan import DEAD, StrategyPlan, View
from protocol.experiment import Entry

ETA = 3.0
"""Each rung gives three times the time of the one below, as in Hyperband (arXiv:1603.06560)."""
MIN_SECONDS = 8.0
"""No job gets less: loading takes two or three seconds of it."""
REPEAT_FROM = 4
"""A first rung of so many jobs repeats a recipe under another seed, for the noise floor …"""
REPEATED = 2
"""… after so many others: early, since the gate wants to know it."""
LAST_SHARE = 0.6
"""A rung takes all that is left when less than this share of its own time would remain after it."""


@dataclass(frozen=True)
class Step:
    """What to run next on the ladder of one strategy."""

    kind: str
    """`new`, `repeat` or `promote`."""
    rung: int
    seconds: float
    of: Entry | None = None
    """The experiment to repeat, or to go on from."""


def next_step(view: View, plan: StrategyPlan, seconds_left: float) -> Step | None:
    """The next step of a strategy's ladder, or None when there is none or no time is left for it."""
    first = max(MIN_SECONDS, plan.bottom_share * view.training_seconds)
    if seconds_left < MIN_SECONDS:
        return None
    entries = view.of(plan.name)
    bottom = [entry for entry in entries if entry.experiment.rung == 0]
    room = seconds_left >= 2 * first
    if len(bottom) < plan.bottom_jobs and (room or not bottom):
        twin = _to_repeat(bottom)
        if plan.bottom_jobs >= REPEAT_FROM and len(bottom) == REPEATED and twin is not None:
            return Step("repeat", 0, first, twin)
        return Step("new", 0, min(first, seconds_left))
    tip = _tip(entries)
    if tip is not None:
        rung = tip.experiment.rung + 1
        return Step("promote", rung, _seconds(first * ETA**rung, seconds_left), tip)
    if any(_pending(entry) for entry in entries):
        return None  # its score decides
    return Step("new", 0, min(first, seconds_left))


def _seconds(wanted: float, left: float) -> float:
    return left if left - wanted < LAST_SHARE * wanted else wanted


def _to_repeat(bottom: list[Entry]) -> Entry | None:
    """The best first-rung experiment so far; the noise is measured where it matters."""
    alive = [entry for entry in bottom if entry.status not in DEAD]
    return max(alive, key=_value, default=None)


def _pending(entry: Entry) -> bool:
    return entry.status not in DEAD and entry.score is None


def _tip(entries: list[Entry]) -> Entry | None:
    """Where the ladder goes on: the best scored experiment that nothing has gone on from yet, or what does so now.

    The latter may still train: its successor is prepared ahead and held back until its weights are there. What has
    been gone on from and ended is spent: its child, if it lives, stands for it.
    """
    spent = {entry.experiment.parent for entry in entries if not _pending(entry)}
    scored = [entry for entry in entries if entry.score is not None and entry.score.failed is None]
    fresh = [entry for entry in scored if entry.experiment.id not in spent]
    if not fresh:
        return None
    tip = max(fresh, key=_value)
    while True:
        children = [e for e in entries if e.experiment.parent == tip.experiment.id and _pending(e)]
        if not children:
            return tip
        tip = children[-1]


def _value(entry: Entry) -> float:
    return entry.score.value if entry.score is not None else -1.0
