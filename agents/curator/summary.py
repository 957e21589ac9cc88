"""The data plan in one paragraph, for people and for the other roles. Called by the curator's playbook."""

from __future__ import annotations

from collections.abc import Sequence

from agents.curator.decide import Decision
from protocol.data import Contamination, Mixture, Rejection
from tools.profile import Measured


def summary(
    measured: Sequence[Measured], decision: Decision, mixture: Mixture, contamination: Contamination, surplus: int
) -> str:
    """Rows by source, what was left out, what stands in several sources, unknown licences, and the verdict. `surplus`:
    rows that weights and cap have left out."""
    taken = ", ".join(f"{name} {rows:,}" for name, rows in mixture.weights.items())
    parts = [f"{mixture.rows:,} rows to train on ({taken})"]
    parts += [_rejected(one) for one in decision.rejected]
    shared = sum(map(len, decision.kept.values())) - mixture.rows - surplus
    if shared:
        parts.append(
            f"{shared:,} rows stand in more than one source, or overlapped at the last check, and were left out"
        )
    unknown = [one.name for one in measured if one.name in mixture.weights and not one.source.license]
    if unknown:
        parts.append(f"licence unknown: {', '.join(unknown)}")
    parts.append(_verdict(contamination))
    return "; ".join(parts) + "."


def _rejected(one: Rejection) -> str:
    what = "rejected as a whole" if one.whole else f"{one.rows:,} rows dropped"
    return f"{one.source}: {one.fault}, {what}"


def _verdict(contamination: Contamination) -> str:
    checked = f"{contamination.rows_checked:,} rows checked against dev and test"
    if contamination.clean:
        return f"{checked}: none overlaps"
    return f"{checked}: {contamination.test_overlap} overlap with test, {contamination.dev_overlap} with dev"
