"""The Experimentalist's forms. A schedule: the order, and what is left out; time is checked by code. A diagnosis: one
of the remedies that code offers for the cause that the worker found, or none."""

from __future__ import annotations

from agents import digest
from agents.experimentalist.diagnose import diagnose
from agents.experimentalist.remedies import offered
from agents.experimentalist.remedy import Remedy
from agents.experimentalist.schedule import SLACK_SECONDS
from agents.form import BadForm, Form
from agents.role import Ask
from protocol.message import Part
from protocol.schedule import DiagnoseRequest, Diagnosis, Schedule, ScheduleRequest, Slot
from tools.sizing.tool import SIZE_TRAINING
from tools.tool import untrusted

EVIDENCE = 20
"""Lines of a failed job's output that are told."""


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


class DiagnoseForm(Part):
    """What becomes of the failed job?"""

    remedy: int | None = None
    """Number of the remedy to take; None: it is not tried again."""
    words: str
    """Why it failed, and why this is the thing to do."""


def tell_failure(request: DiagnoseRequest) -> str:
    failure = request.failure
    remedies = "\n".join(f"{number}. {one.told}" for number, one in enumerate(_choices(request), 1))
    evidence = "\n".join((failure.reason, *(*failure.cause.evidence, *failure.evidence)[-EVIDENCE:]))
    return (
        f"# The experiment\n{digest.one(request.entry)}\nHypothesis: {request.entry.experiment.hypothesis}\n"
        f"# How it failed\nCause: {failure.cause.category}; attempt {request.entry.attempts}.\n"
        f"{untrusted(evidence, 'the log of the job')}\n"
        f"# Remedies\n{remedies or 'none that code can carry out'}\nWhat becomes of it?"
    )


async def complete_diagnosis(request: DiagnoseRequest, filled: DiagnoseForm, ask: Ask) -> Diagnosis:
    """Cause and evidence are the worker's, the retry is code's. Raises `BadForm` for a remedy that is not offered."""
    choices, answer = _choices(request), await diagnose(request, ask)
    if filled.remedy is None:
        return answer.model_copy(update={"remedy": filled.words, "retry": None})
    if not 1 <= filled.remedy <= len(choices):
        raise BadForm(f"there is no remedy {filled.remedy}: choose one of 1 to {len(choices)}, or none")
    chosen = choices[filled.remedy - 1]
    return answer.model_copy(update={"remedy": f"{chosen.told} ({filled.words})", "retry": chosen.retry})


def _choices(request: DiagnoseRequest) -> list[Remedy]:
    """Those that are carried out by a changed job."""
    found = offered(request.failure.cause.category, request.entry, request.proposal, request.failure)
    return [one for one in found if one.retry is not None]


SCHEDULE = Form(ScheduleForm, tell, complete)
DIAGNOSIS = Form(DiagnoseForm, tell_failure, complete_diagnosis, (SIZE_TRAINING.name,))
