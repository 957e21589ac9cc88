"""How each kind of message changes the ledger. Called by `Ledger.apply`, and by nobody else."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from protocol import control, critique, data, experiment, job, research, score
from protocol.brief import Brief
from protocol.experiment import Entry
from protocol.message import Message
from protocol.schedule import Curve, Diagnosis, RungVerdict, Schedule

if TYPE_CHECKING:
    from protocol.ledger import Ledger

CURVE_POINTS = 200
"""Points kept of a loss curve; beyond, every other one is dropped."""


@functools.singledispatch
def fold(message: Message, ledger: Ledger) -> None:
    """Most messages change nothing."""


@fold.register(Brief)
def _(message: Brief, ledger: Ledger) -> None:
    ledger.brief = message


@fold.register(research.Review)
def _(message: research.Review, ledger: Ledger) -> None:
    ledger.review = message


@fold.register(data.DataPlan)
def _(message: data.DataPlan, ledger: Ledger) -> None:
    ledger.plan = message


@fold.register(score.EvalReady)
def _(message: score.EvalReady, ledger: Ledger) -> None:
    ledger.eval = message


@fold.register(control.FloorBanked)
def _(message: control.FloorBanked, ledger: Ledger) -> None:
    ledger.floor = message


@fold.register(experiment.Proposals)
def _(message: experiment.Proposals, ledger: Ledger) -> None:
    for proposal in message.proposals:
        _propose(ledger, proposal)


def _propose(ledger: Ledger, proposal: experiment.Proposal) -> None:
    id = proposal.experiment.id
    ledger.proposals[id] = proposal
    ledger.entries.setdefault(id, Entry(experiment=proposal.experiment))


@fold.register(control.Refused)
def _(message: control.Refused, ledger: Ledger) -> None:
    if message.experiment in ledger.entries and ledger.entries[message.experiment].status == "proposed":
        ledger.change(message.experiment, status="cancelled", reason=message.reason)


@fold.register(job.Job)
def _(message: job.Job, ledger: Ledger) -> None:
    ledger.job_of[message.id] = message.experiment
    ledger.curves.pop(message.experiment, None)
    attempts = ledger.entries[message.experiment].attempts + 1 if message.experiment in ledger.entries else 1
    ledger.change(message.experiment, status="queued", job=message.id, attempts=attempts)


@fold.register(job.JobAccepted)
def _(message: job.JobAccepted, ledger: Ledger) -> None:
    ledger.busy_since[message.job] = message.at
    ledger.change(message.experiment, status="running", device=message.device)


@fold.register(job.JobStarted)
def _(message: job.JobStarted, ledger: Ledger) -> None:
    ledger.first_job_at = ledger.first_job_at or message.at


@fold.register(job.JobMetric)
def _(message: job.JobMetric, ledger: Ledger) -> None:
    loss = message.values.get("loss")
    entry = ledger.entries.get(message.experiment)
    if loss is None or entry is None:
        return
    before = ledger.curves.get(message.experiment)
    steps, losses = (before.steps, before.losses) if before else ((), ())
    if len(steps) >= CURVE_POINTS:  # thinned, so that the early part stays comparable
        steps, losses = steps[::2], losses[::2]
    ledger.curves[message.experiment] = Curve(
        experiment=message.experiment,
        rung=entry.experiment.rung,
        max_steps=message.max_steps,
        steps=(*steps, message.step),
        losses=(*losses, loss),
    )
    ledger.change(message.experiment, steps=message.step, loss=loss)


def _end(ledger: Ledger, message: job.JobEvent, **fields: object) -> None:
    since = ledger.busy_since.pop(message.job, None)
    if since is not None:
        ledger.busy.append((since, message.at))
    ledger.change(message.experiment, **fields)


@fold.register(job.JobFinished)
def _(message: job.JobFinished, ledger: Ledger) -> None:
    pace = message.steps / message.train_seconds if message.train_seconds > 0 else None
    _end(
        ledger,
        message,
        status="trained",
        model=message.model,
        steps=message.steps,
        seconds=message.seconds,
        loss=message.loss,
        steps_per_second=pace,
    )


@fold.register(job.JobFailed)
def _(message: job.JobFailed, ledger: Ledger) -> None:
    _end(ledger, message, status="failed", reason=message.reason, seconds=message.seconds)


@fold.register(job.JobCancelled)
def _(message: job.JobCancelled, ledger: Ledger) -> None:
    status = "trained" if message.model else "killed" if message.experiment in ledger.lost else "cancelled"
    _end(ledger, message, status=status, model=message.model, reason=message.reason, seconds=message.seconds)


@fold.register(job.JobGivenBack)
def _(message: job.JobGivenBack, ledger: Ledger) -> None:
    _end(ledger, message, status="queued")


@fold.register(job.CancelJob)
def _(message: job.CancelJob, ledger: Ledger) -> None:
    if message.experiment in ledger.entries and ledger.entries[message.experiment].status == "queued":
        ledger.change(message.experiment, status="cancelled", reason=message.reason)


@fold.register(score.Scored)
def _(message: score.Scored, ledger: Ledger) -> None:
    if message.split == "test":
        ledger.tests[message.candidate] = message
        return
    ledger.scored[message.candidate] = message
    paired = message.against(ledger.incumbent or "")
    ledger.change(message.candidate, status="scored", score=message.score, model=message.model, paired=paired)


@fold.register(Schedule)
def _(message: Schedule, ledger: Ledger) -> None:
    for slot in message.slots:
        ledger.scheduled.add(slot.experiment)
        proposal = ledger.proposals.get(slot.experiment)
        if proposal and proposal.job is None:  # nothing to train: the weights are its parent's, or the base's
            parent = ledger.entries.get(proposal.experiment.parent or "")
            ledger.change(slot.experiment, status="trained", model=parent.model if parent else None)
    for id, why in message.left_out.items():
        ledger.change(id, status="cancelled", reason=why)


@fold.register(RungVerdict)
def _(message: RungVerdict, ledger: Ledger) -> None:
    entry = ledger.entries.get(message.experiment)
    if entry is not None:
        ledger.checked.add((entry.job or "", message.check_point))
        if not message.keep:
            ledger.lost.add(message.experiment)


@fold.register(Diagnosis)
def _(message: Diagnosis, ledger: Ledger) -> None:
    ledger.diagnosed.add(message.job)
    if message.retry is not None:
        ledger.proposals[message.experiment] = message.retry
        ledger.change(message.experiment, status="proposed", reason=message.remedy, experiment=message.retry.experiment)


@fold.register(critique.Critique)
def _(message: critique.Critique, ledger: Ledger) -> None:
    ledger.directive = message.directive
    if message.verdict != "promote":
        ledger.judged.add(message.experiment)
    ledger.change(message.experiment, verdict=message.verdict, reason=message.reason)


@fold.register(critique.Verdict)
def _(message: critique.Verdict, ledger: Ledger) -> None:
    ledger.verdicts.append(message)
    if not message.admitted:
        ledger.judged.add(message.candidate)
        if ledger.directive.kind == "stop":  # it was to stop because of this one
            changes = {"kind": "explore", "reason": f"the gate refused {message.candidate}"}
            ledger.directive = ledger.directive.model_copy(update=changes)
    ledger.change(message.candidate, verdict="promote" if message.admitted else "reject")


@fold.register(score.Shipped)
def _(message: score.Shipped, ledger: Ledger) -> None:
    ledger.shipped.append(message)
    ledger.judged.add(message.candidate)


@fold.register(control.StrategyClosed)
def _(message: control.StrategyClosed, ledger: Ledger) -> None:
    ledger.closed[message.strategy] = message.reason


@fold.register(control.Tell)
def _(message: control.Tell, ledger: Ledger) -> None:
    ledger.tells.append(message.text)


@fold.register(control.CancelRun)
def _(message: control.CancelRun, ledger: Ledger) -> None:
    ledger.cancelled = True


@fold.register(control.RunEnded)
def _(message: control.RunEnded, ledger: Ledger) -> None:
    ledger.ended = message
