"""What runs, in which order, and what does not fit the time that is left."""

from __future__ import annotations

from agents.role import Ask
from protocol.schedule import Schedule, ScheduleRequest, Slot

SLACK_SECONDS = 3.0
"""Time passes between the Engineer's answer and this one; the reserve for verify is wider than that."""


async def schedule(request: ScheduleRequest, ask: Ask) -> Schedule:
    """Promotions before new trials (they go on from what is proven), then in the Engineer's order."""
    left = request.digest.seconds_left
    slots: list[Slot] = []
    out: dict[str, str] = {}
    ranked = sorted(request.proposals, key=lambda proposal: -proposal.experiment.rung)
    for proposal in ranked:
        experiment = proposal.experiment
        if proposal.job is not None and experiment.seconds > left + SLACK_SECONDS:
            out[experiment.id] = f"it takes {experiment.seconds:.0f} s and {max(0.0, left):.0f} s are left"
            continue
        left -= experiment.seconds
        slots.append(Slot(experiment=experiment.id, seconds=experiment.seconds))
    return Schedule(slots=tuple(slots), left_out=out)
