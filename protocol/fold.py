"""How each kind of message changes the facts. Called by `Ledger.apply`, and by nobody else."""

from __future__ import annotations

import functools

from protocol import bundle, control, critique, data, experiment, job, research, score
from protocol.advice import NotHeard
from protocol.brief import Brief
from protocol.experiment import Entry
from protocol.facts import Facts
from protocol.message import Message
from protocol.schedule import Curve, Diagnosis, RungVerdict, Schedule
from protocol.spending import Spent
from protocol.studio import Approval, ApprovalWanted, Steered
from protocol.thought import Fallback, Thought

CURVE_POINTS = 200
"""Points kept of a loss curve; beyond, every other one is dropped."""


@functools.singledispatch
def fold(message: Message, facts: Facts) -> None:
    """Most messages change nothing."""


@fold.register(Brief)
def _(message: Brief, facts: Facts) -> None:
    facts.brief = message


@fold.register(research.Review)
def _(message: research.Review, facts: Facts) -> None:
    facts.review = message


@fold.register(data.DataPlan)
def _(message: data.DataPlan, facts: Facts) -> None:
    facts.plan = message


@fold.register(score.EvalReady)
def _(message: score.EvalReady, facts: Facts) -> None:
    facts.eval = message


@fold.register(control.FloorBanked)
def _(message: control.FloorBanked, facts: Facts) -> None:
    facts.floor = message


@fold.register(experiment.Proposals)
def _(message: experiment.Proposals, facts: Facts) -> None:
    for proposal in message.proposals:
        _propose(facts, proposal)


def _propose(facts: Facts, proposal: experiment.Proposal) -> None:
    id = proposal.experiment.id
    facts.proposals[id] = proposal
    facts.entries.setdefault(id, Entry(experiment=proposal.experiment))


@fold.register(control.Refused)
def _(message: control.Refused, facts: Facts) -> None:
    if message.experiment in facts.entries and facts.entries[message.experiment].status == "proposed":
        facts.change(message.experiment, status="cancelled", reason=message.reason)


@fold.register(job.Job)
def _(message: job.Job, facts: Facts) -> None:
    facts.job_of[message.id] = message.experiment
    facts.curves.pop(message.experiment, None)
    attempts = facts.entries[message.experiment].attempts + 1 if message.experiment in facts.entries else 1
    facts.change(message.experiment, status="queued", job=message.id, attempts=attempts)


@fold.register(job.JobAccepted)
def _(message: job.JobAccepted, facts: Facts) -> None:
    facts.busy_since[message.job] = message.at
    facts.change(message.experiment, status="running", device=message.device, usd_per_hour=message.usd_per_hour)


@fold.register(job.JobStarted)
def _(message: job.JobStarted, facts: Facts) -> None:
    facts.first_job_at = facts.first_job_at or message.at


@fold.register(job.JobMetric)
def _(message: job.JobMetric, facts: Facts) -> None:
    loss = message.values.get("loss")
    entry = facts.entries.get(message.experiment)
    if loss is None or entry is None:
        return
    before = facts.curves.get(message.experiment)
    steps, losses = (before.steps, before.losses) if before else ((), ())
    while steps and steps[-1] >= message.step:  # it went on from a checkpoint, and makes these steps again
        steps, losses = steps[:-1], losses[:-1]
    if len(steps) >= CURVE_POINTS:  # thinned, so that the early part stays comparable
        steps, losses = steps[::2], losses[::2]
    facts.curves[message.experiment] = Curve(
        experiment=message.experiment,
        rung=entry.experiment.rung,
        max_steps=message.max_steps,
        steps=(*steps, message.step),
        losses=(*losses, loss),
    )
    facts.change(message.experiment, steps=message.step, loss=loss)


def _end(facts: Facts, message: job.JobEvent, **fields: object) -> None:
    since = facts.busy_since.pop(message.job, None)
    if since is not None:
        facts.busy.append((since, message.at))
    facts.change(message.experiment, **fields)


@fold.register(job.JobFinished)
def _(message: job.JobFinished, facts: Facts) -> None:
    _end(
        facts,
        message,
        status="trained",
        model=message.model,
        artifact=message.artifact,
        steps=message.steps,
        seconds=message.seconds,
        loss=message.loss,
    )


@fold.register(job.JobFailed)
def _(message: job.JobFailed, facts: Facts) -> None:
    _end(facts, message, status="failed", reason=message.reason, seconds=message.seconds)


@fold.register(job.JobCancelled)
def _(message: job.JobCancelled, facts: Facts) -> None:
    status = "trained" if message.model else "killed" if message.experiment in facts.lost else "cancelled"
    kept: dict[str, object] = {"model": message.model, "artifact": message.artifact}
    _end(facts, message, status=status, reason=message.reason, seconds=message.seconds, **kept)


@fold.register(job.JobGivenBack)
def _(message: job.JobGivenBack, facts: Facts) -> None:
    since = facts.busy_since.get(message.job)
    if since is not None and since <= message.at:  # else it has ended, or another worker has taken it already
        _end(facts, message, status="queued")


@fold.register(job.CancelJob)
def _(message: job.CancelJob, facts: Facts) -> None:
    if message.experiment in facts.entries and facts.entries[message.experiment].status == "queued":
        facts.change(message.experiment, status="cancelled", reason=message.reason)


@fold.register(score.Scored)
def _(message: score.Scored, facts: Facts) -> None:
    if message.split == "test":
        facts.tests[message.candidate] = message
        return
    facts.scored[message.candidate] = message
    paired = message.against(facts.incumbent or "")
    facts.change(message.candidate, status="scored", score=message.score, model=message.model, paired=paired)


@fold.register(Schedule)
def _(message: Schedule, facts: Facts) -> None:
    for slot in message.slots:
        facts.scheduled[slot.experiment] = None
        proposal = facts.proposals.get(slot.experiment)
        if proposal and proposal.job is None:  # nothing to train: the weights are its parent's, or the base's
            parent = facts.entries.get(proposal.experiment.parent or "")
            weights = {"model": parent.model, "artifact": parent.artifact} if parent else {"model": None}
            facts.change(slot.experiment, status="trained", **weights)
    for id, why in message.left_out.items():
        facts.change(id, status="cancelled", reason=why)


@fold.register(RungVerdict)
def _(message: RungVerdict, facts: Facts) -> None:
    entry = facts.entries.get(message.experiment)
    if entry is not None:
        facts.checked.add((entry.job or "", message.check_point))
        if not message.keep:
            facts.lost.add(message.experiment)


@fold.register(Diagnosis)
def _(message: Diagnosis, facts: Facts) -> None:
    facts.diagnosed.add(message.job)
    if message.retry is not None:
        facts.proposals[message.experiment] = message.retry
        facts.change(message.experiment, status="proposed", reason=message.remedy, experiment=message.retry.experiment)


@fold.register(critique.Critique)
def _(message: critique.Critique, facts: Facts) -> None:
    facts.directive, facts.last_critique = message.directive, message
    if message.verdict != "promote":
        facts.judged.add(message.experiment)
    facts.change(message.experiment, verdict=message.verdict, reason=message.reason)


@fold.register(critique.Verdict)
def _(message: critique.Verdict, facts: Facts) -> None:
    facts.verdicts.append(message)
    if not message.admitted:
        facts.judged.add(message.candidate)
        if facts.directive.kind == "stop":  # it was to stop because of this one
            changes = {"kind": "explore", "reason": f"the gate refused {message.candidate}"}
            facts.directive = facts.directive.model_copy(update=changes)
    told = {"verdict": "promote"} if message.admitted else {"verdict": "reject", "reason": message.refusal()}
    facts.change(message.candidate, **told)


@fold.register(score.Shipped)
def _(message: score.Shipped, facts: Facts) -> None:
    facts.shipped.append(message)
    facts.judged.add(message.candidate)


@fold.register(bundle.Bundled)
def _(message: bundle.Bundled, facts: Facts) -> None:
    facts.bundled = message


@fold.register(control.StrategyClosed)
def _(message: control.StrategyClosed, facts: Facts) -> None:
    facts.closed[message.strategy] = message.reason


@fold.register(Steered)
def _(message: Steered, facts: Facts) -> None:
    facts.directive = message.directive


@fold.register(ApprovalWanted)
def _(message: ApprovalWanted, facts: Facts) -> None:
    facts.waiting[message.about] = message.shown


@fold.register(Approval)
def _(message: Approval, facts: Facts) -> None:
    facts.waiting.pop(message.about, None)


@fold.register(control.Tell)
def _(message: control.Tell, facts: Facts) -> None:
    facts.tells.append(message.text)


@fold.register(NotHeard)
def _(message: NotHeard, facts: Facts) -> None:
    facts.unheard.add(message.role)


@fold.register(Thought)
def _(message: Thought, facts: Facts) -> None:
    facts.spent_by[message.role] = facts.spent_by.get(message.role, Spent()).plus(message)


@fold.register(Fallback)
def _(message: Fallback, facts: Facts) -> None:
    facts.spent_by[message.role] = facts.spent_by.get(message.role, Spent()).with_fallback()


@fold.register(control.CancelRun)
def _(message: control.CancelRun, facts: Facts) -> None:
    facts.cancelled = True


@fold.register(control.RunEnded)
def _(message: control.RunEnded, facts: Facts) -> None:
    facts.ended = message
