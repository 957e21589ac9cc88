"""experimentalist: queues what is ready, then waits for the next event and acts on it. Training runs elsewhere."""

from __future__ import annotations

from typing import Literal

from langgraph.runtime import Runtime
from langgraph.types import Command

from graph import lookahead
from graph.context import CrewContext
from graph.nodes.strategies import close_spent
from graph.state import CrewState
from protocol import queue
from protocol.artifact import ArtifactsPut, PutArtifacts, Ref
from protocol.control import Refused
from protocol.envelope import wrap
from protocol.experiment import Entry
from protocol.job import CancelJob, Job, JobFailed, JobSpec
from protocol.message import message_id
from protocol.schedule import DiagnoseRequest, Diagnosis, RungCheck, RungVerdict

WAIT_SECONDS = 1.0
"""Longest wait for an event before the clock is looked at again."""
LATE_SHARE = 0.2
"""A job that would overrun its place in the plan by more than this share of itself is not started."""
PEERS = 8
"""How many curves of the same rung a job is compared with."""


async def experimentalist(
    state: CrewState, runtime: Runtime[CrewContext]
) -> Command[Literal["critic", "engineer", "verify"]]:
    context = runtime.context
    await _requeue(context)
    while True:
        exhausted = state.get("exhausted_at", -1) == context.ledger.ended_count()
        step = lookahead.next_step(context.ledger, context.clock, exhausted)
        if step in ("critic", "engineer", "verify"):
            return Command(goto=step, update={"messages": context.dialogue()})
        if step == "submit":
            await _submit(context, lookahead.submittable(context.ledger)[0])
        elif step == "drop":
            entry = lookahead.orphans(context.ledger)[0].experiment
            reason = f"{entry.parent}, which it would go on from, left no model"
            await context.say(Refused(experiment=entry.id, reason=reason), entry.id, "orphan")
        elif step == "diagnose":
            await _diagnose(context, lookahead.undiagnosed(context.ledger)[0])
        elif step == "check":
            await _check(context, *lookahead.checks_due(context.ledger)[0])
        else:
            await context.changed(WAIT_SECONDS)


async def _requeue(context: CrewContext) -> None:
    """Once a session: what is journaled as queued may have missed the queue when the session before was killed."""
    if context.requeued:
        return
    context.requeued = True
    for entry in context.ledger.with_status("queued"):
        envelope = await context.journal.find(message_id(context.run, "job", entry.job))
        if envelope is not None:
            await queue.submit(context.bus, envelope)


async def _submit(context: CrewContext, entry: Entry) -> None:
    """Put a scheduled experiment's job into the work queue. Its id is made of run, experiment and attempt."""
    told, experiment = context.brief, entry.experiment
    proposal = context.ledger.proposals[experiment.id]
    assert proposal.job is not None, "an experiment without a job is never submitted"
    late = -context.clock.left_for_training(context.ledger)  # its own time is counted in already
    if late > LATE_SHARE * experiment.seconds:
        await context.say(Refused(experiment=experiment.id, reason=f"it would end {late:.0f} s late"), experiment.id)
        return
    spec = _with_weights(context, entry, proposal.job)
    name = experiment.id if entry.attempts == 0 else f"{experiment.id}-retry{entry.attempts}"
    job = Job(
        id=f"{context.run}-{name}",
        run=context.run,
        experiment=experiment.id,
        queue=told.task.compute.queue,
        folder=f"{told.folder}/jobs/{name}",  # of its own: a mended job begins anew
        spec=spec,
        attempt=entry.attempts,
        priority=told.task.compute.priority,
        deadline=context.clock.verify_at(context.ledger),
        inputs=await _inputs(context, spec, name),
    )
    id = message_id(context.run, "job", job.id)
    envelope = wrap(job, run=context.run, sender="experimentalist", recipient="worker", id=id)
    await queue.submit(context.bus, envelope)
    await context.settle(envelope)


async def _inputs(context: CrewContext, spec: JobSpec, name: str) -> dict[str, Ref] | None:
    """What the job reads, in the artifact store: put there now, or by the worker that made it. None without one."""
    if context.brief.artifacts is None:
        return None
    made = {entry.model: entry.artifact for entry in context.ledger.entries.values() if entry.artifact is not None}
    paths = tuple(path for path in dict.fromkeys(spec.reads) if path.startswith("/"))  # the others are ids on the Hub
    found = {path: ref for path in paths if (ref := made.get(path)) is not None}
    rest = tuple(path for path in paths if path not in found)
    if not rest:
        return found
    answer = await context.consult("artifacts", PutArtifacts(paths=rest), ArtifactsPut, name)
    return found | answer.refs


def _with_weights(context: CrewContext, entry: Entry, spec: JobSpec) -> JobSpec:
    """The job with its parent's weights where they are: they were planned elsewhere if the parent was retried."""
    parent = context.ledger.entries.get(entry.experiment.parent or "")
    if parent is None or parent.model is None:
        return spec
    planned = f"{context.brief.folder}/jobs/{parent.experiment.id}/model"
    files = {name: text.replace(planned, parent.model) for name, text in spec.files.items()}
    reads = tuple(path.replace(planned, parent.model) for path in spec.reads)
    return spec.model_copy(update={"files": files, "reads": reads})


async def _diagnose(context: CrewContext, entry: Entry) -> None:
    job = entry.job or ""
    end = await context.journal.find(queue.end_id(job))
    assert end is not None and isinstance(end.data, JobFailed), f"{job} has failed, but its journal has no end"
    request = DiagnoseRequest(entry=entry, proposal=context.ledger.proposals[entry.experiment.id], failure=end.data)
    answer = await context.consult("experimentalist", request, Diagnosis, job)
    if answer.retry is None:
        await close_spent(context)


async def _check(context: CrewContext, entry: Entry, point: float) -> None:
    """Ask whether a running job goes on; stop it when it has lost its rung."""
    curves = context.ledger.curves
    mine = curves[entry.experiment.id]
    peers = [curves[id] for id, other in context.ledger.entries.items() if id in curves and _comparable(entry, other)]
    request = RungCheck(check_point=point, curve=mine, peers=tuple(peers[-PEERS:]))
    verdict = await context.consult("experimentalist", request, RungVerdict, entry.job, point)
    if not verdict.keep:
        await stop_job(context, entry, verdict.reason)


def _comparable(one: Entry, other: Entry) -> bool:
    """Losses compare only between recipes of one strategy that started from the same weights. A repetition is not to
    be killed (the noise floor needs it), and the loss of reinforcement learning says nothing."""
    mine, its = one.experiment, other.experiment
    same = (mine.strategy, mine.rung, mine.parent) == (its.strategy, its.rung, its.parent)
    return same and mine.id != its.id and mine.strategy != "grpo" and mine.repeats is None


async def stop_job(context: CrewContext, entry: Entry, reason: str) -> None:
    """Cancel a job, waiting or running: journaled for a worker that has not seen it yet, then called out."""
    request = CancelJob(job=entry.job or "", experiment=entry.experiment.id, reason=reason)
    await queue.cancel(context.bus, request, run=context.run, sender="experimentalist")
