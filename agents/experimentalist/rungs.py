"""Whether a running job goes on: the median stopping rule on its training loss.

Golovin et al. 2017, "Google Vizier": stop a trial whose best objective so far is worse than the median of the others'
at the same point. Points are fractions of a job, so that rungs of unequal pace compare.
"""

from __future__ import annotations

import statistics

from agents.role import Ask
from protocol.schedule import Curve, RungCheck, RungVerdict

MIN_PEERS = 2
MARGIN = 1.10
"""A loss must be worse than the median by a tenth: curves cross, and the metric is not the loss."""
WINDOW = 3
"""Logged losses that are averaged, against the noise of single batches."""


async def check(request: RungCheck, ask: Ask) -> RungVerdict:
    """Kill when clearly behind the median of its peers at the same fraction; without peers, let it run."""
    mine = loss_at(request.curve, request.check_point)
    others = [loss for curve in request.peers if (loss := loss_at(curve, request.check_point)) is not None]
    keep, reason = True, f"only {len(others)} peers to compare with"
    if mine is not None and len(others) >= MIN_PEERS:
        median = statistics.median(others)
        keep = mine <= median * MARGIN
        reason = f"loss {mine:.3f} against the median {median:.3f} of {len(others)} peers at {request.check_point:.0%}"
    return RungVerdict(experiment=request.curve.experiment, check_point=request.check_point, keep=keep, reason=reason)


def loss_at(curve: Curve, point: float) -> float | None:
    """Mean of the last losses up to a fraction of the job's steps; None where the curve is not that far."""
    limit = point * curve.max_steps
    until = [loss for step, loss in zip(curve.steps, curve.losses, strict=True) if step <= limit]
    return statistics.fmean(until[-WINDOW:]) if until else None
