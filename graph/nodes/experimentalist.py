"""experimentalist: queues what is ready, then waits for the next event and acts on it. Training runs elsewhere."""

from __future__ import annotations

from typing import Literal

from langgraph.runtime import Runtime
from langgraph.types import Command

from graph import lookahead
from graph.context import CrewContext
from graph.state import CrewState
from protocol import queue
from protocol.control import Refused
from protocol.envelope import wrap
from protocol.experiment import Entry
from protocol.job import CancelJob, Job, JobFailed
from protocol.message import message_id
from protocol.schedule import DiagnoseRequest, Diagnosis, RungCheck, RungVerdict

WAIT_SECONDS = 1.0
"""Longest wait for an event before the clock is looked at again."""
PEERS = 8
"""How many curves of the same rung a job is compared with."""


async def experimentalist(
    state: CrewState, runtime: Runtime[CrewContext]
) -> Command[Literal["critic", "engineer", "verify"]]:
    context = runtime.context
    while True:
        step = lookahead.next_step(context.ledger, context.clock, state.get("exhausted", False))
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


async def _submit(context: CrewContext, entry: Entry) -> None:
    """Put a scheduled experiment's job into the work queue. Its id is made of run, experiment and attempt."""
    told, experiment = context.brief, entry.experiment
    proposal = context.ledger.proposals[experiment.id]
    assert proposal.job is not None, "an experiment without a job is never submitted"
    attempt = entry.attempts
    name = experiment.id if attempt == 0 else f"{experiment.id}-retry{attempt}"
    job = Job(
        id=f"{context.run}-{name}",
        run=context.run,
        experiment=experiment.id,
        queue=told.task.compute.queue,
        folder=f"{told.folder}/jobs/{name}",
        spec=proposal.job,
        attempt=attempt,
    )
    id = message_id(context.run, "job", job.id)
    envelope = wrap(job, run=context.run, sender="experimentalist", recipient="worker", id=id)
    await queue.submit(context.bus, envelope)
    await context.settle(envelope)


async def _diagnose(context: CrewContext, entry: Entry) -> None:
    job = entry.job or ""
    end = await context.journal.find(queue.end_id(job))
    assert end is not None and isinstance(end.data, JobFailed), f"{job} has failed, but its journal has no end"
    request = DiagnoseRequest(entry=entry, proposal=context.ledger.proposals[entry.experiment.id], failure=end.data)
    await context.consult("experimentalist", request, Diagnosis, job)


async def _check(context: CrewContext, entry: Entry, point: float) -> None:
    """Ask whether a running job goes on; stop it when it has lost its rung."""
    curves = context.ledger.curves
    mine = curves[entry.experiment.id]
    peers = [c for c in curves.values() if c.rung == mine.rung and c.experiment != mine.experiment]
    request = RungCheck(check_point=point, curve=mine, peers=tuple(peers[-PEERS:]))
    verdict = await context.consult("experimentalist", request, RungVerdict, entry.job, point)
    if not verdict.keep:
        await stop_job(context, entry, verdict.reason)


async def stop_job(context: CrewContext, entry: Entry, reason: str) -> None:
    """Cancel a job, waiting or running: journaled for a worker that has not seen it yet, then called out."""
    request = CancelJob(job=entry.job or "", experiment=entry.experiment.id, reason=reason)
    await queue.cancel(context.bus, request, run=context.run, sender="experimentalist")
