"""What to do next, as a pure function of the ledger and the clock: nothing here is remembered, so nothing is lost.

While a job runs, the Engineer already prepares the next one (`AHEAD`), so that the device never waits for a mind.
"""

from __future__ import annotations

from typing import Literal

from graph.clock import MIN_JOB_SECONDS, Clock
from protocol.experiment import Entry
from protocol.ledger import Ledger

AHEAD = 2
"""Jobs under way that the crew keeps up: one runs, one stands ready behind it."""
CHECK_POINTS = (0.34, 0.67)
"""Fractions of a job's steps at which the Experimentalist is asked whether it goes on."""

Step = Literal["verify", "critic", "diagnose", "submit", "drop", "check", "engineer", "wait"]


def next_step(ledger: Ledger, clock: Clock, exhausted: bool) -> Step:
    """What is to be done now. `exhausted`: the Engineer had nothing to propose under the present directive."""
    if ledger.cancelled or clock.over(ledger):
        return "verify"
    if undiagnosed(ledger):
        return "diagnose"
    if orphans(ledger):
        return "drop"
    if submittable(ledger):
        return "submit"
    if uncritiqued(ledger):
        return "critic"
    if checks_due(ledger):
        return "check"
    under_way = len(ledger.with_status("proposed", "queued", "running"))
    stopping = ledger.directive.kind == "stop"
    if stopping and ledger.target_is_met:
        return "verify"
    if not stopping and not exhausted and under_way < AHEAD and clock.left_for_training(ledger) >= MIN_JOB_SECONDS:
        return "engineer"
    return "wait" if under_way else "verify"


def uncritiqued(ledger: Ledger) -> list[Entry]:
    """Trained, but not judged to the end: no critique yet, or one to promote that the gate has not settled."""
    return [entry for entry in ledger.with_status("trained", "scored") if entry.experiment.id not in ledger.judged]


def undiagnosed(ledger: Ledger) -> list[Entry]:
    """Failed, and nobody has said why."""
    return [entry for entry in ledger.with_status("failed") if (entry.job or "") not in ledger.diagnosed]


def submittable(ledger: Ledger) -> list[Entry]:
    """Scheduled, not queued, and the weights it starts from are there; in the Experimentalist's order."""
    return [
        entry
        for entry in (ledger.entries[id] for id in ledger.scheduled if id in ledger.entries)
        if entry.status == "proposed" and _parent_status(ledger, entry) in (None, "trained", "scored")
    ]


def orphans(ledger: Ledger) -> list[Entry]:
    """Scheduled, but the weights it would start from will never be."""
    return [
        entry
        for entry in ledger.with_status("proposed")
        if _parent_status(ledger, entry) in ("failed", "killed", "cancelled")
    ]


def _parent_status(ledger: Ledger, entry: Entry) -> str | None:
    parent = entry.experiment.parent
    return ledger.entries[parent].status if parent in ledger.entries else None


def checks_due(ledger: Ledger) -> list[tuple[Entry, float]]:
    """Running jobs that have passed a check point at which nobody has looked yet."""
    due = []
    for entry in ledger.with_status("running"):
        curve = ledger.curves.get(entry.experiment.id)
        if curve is None or not curve.max_steps:
            continue
        done = curve.steps[-1] / curve.max_steps
        passed = [point for point in CHECK_POINTS if done >= point]
        if passed and (entry.job or "", passed[-1]) not in ledger.checked:
            due.append((entry, passed[-1]))
    return due
