"""The Experimentalist's form for a schedule: the order, and what is left out. Time is checked by code."""

from __future__ import annotations

from agents import digest
from agents.experimentalist.schedule import SLACK_SECONDS
from agents.form import BadForm, Form
from agents.role import Ask
from protocol.message import Part
from protocol.schedule import Schedule, ScheduleRequest, Slot


class LeftOut(Part):
    """A proposal that is not to run."""

    experiment: str
    reason: str


class ScheduleForm(Part):
    """What runs, in which order?"""

    order: tuple[str, ...]
    """Ids of the proposals to run, first to last."""
    left_out: tuple[LeftOut, ...] = ()


def tell(request: ScheduleRequest) -> str:
    proposed = "\n".join(
        f"- {proposal.experiment.id} [{proposal.experiment.strategy}, rung {proposal.experiment.rung}, "
        f"{proposal.experiment.seconds:.0f} s, from {proposal.experiment.parent or 'the base'}]: "
        f"{proposal.experiment.hypothesis}"
        for proposal in request.proposals
    )
    return f"{digest.digest(request.digest)}\n# Proposals\n{proposed}\nWhat runs, in which order?"


async def complete(request: ScheduleRequest, filled: ScheduleForm, ask: Ask) -> Schedule:
    """The schedule. Raises `BadForm` where a proposal is unknown, missing or named twice, or the time does not do."""
    proposed = {proposal.experiment.id: proposal for proposal in request.proposals}
    out = {left.experiment: left.reason for left in filled.left_out}
    named = [*filled.order, *out]
    if sorted(named) != sorted(proposed):
        raise BadForm(f"put each of {', '.join(proposed)} once, either into `order` or into `left_out`")
    trained = [proposed[id].experiment.seconds for id in filled.order if proposed[id].job is not None]
    left = request.digest.seconds_left + SLACK_SECONDS
    if sum(trained) > left:
        raise BadForm(f"these take {sum(trained):.0f} s and {left:.0f} s are left: leave something out")
    slots = tuple(Slot(experiment=id, seconds=proposed[id].experiment.seconds) for id in filled.order)
    return Schedule(slots=slots, left_out=out)


SCHEDULE = Form(ScheduleForm, tell, complete)
