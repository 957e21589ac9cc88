"""engineer: what shall we try next? The graph refuses what is closed, repeated, or cannot end in time."""

from __future__ import annotations

from langgraph.runtime import Runtime

from graph.context import CrewContext
from graph.lock_in import refusal
from graph.lookahead import AHEAD
from graph.nodes.floor import answer_decoding, bank_floor
from graph.state import CrewState
from protocol.control import Refused
from protocol.experiment import Proposal, Proposals, ProposeRequest
from protocol.schedule import Schedule, ScheduleRequest, Slot

SLACK_SECONDS = 3.0
"""Time passes while roles answer; the reserve for verify is wider than that."""


async def engineer(state: CrewState, runtime: Runtime[CrewContext]) -> CrewState:
    context = runtime.context
    await context.finish("floor", bank_floor)
    turn = state.get("turn", 0) + 1
    left = context.clock.left_for_training(context.ledger)
    answer = await context.consult("engineer", _request(context, left), Proposals, turn)
    accepted = await _accepted(context, answer)
    slots = await _schedule(context, accepted, turn) if accepted else ()
    ended = context.ledger.ended_count()
    return {"turn": turn, "exhausted_at": -1 if slots else ended, "messages": context.dialogue()}


def _request(context: CrewContext, left: float) -> ProposeRequest:
    ledger, told = context.ledger, context.brief
    assert ledger.plan is not None, "the Curator speaks before the Engineer"
    under_way = len(ledger.with_status("proposed", "queued", "running"))
    return ProposeRequest(
        task=ledger.task,
        folder=told.folder,
        task_folder=told.task_folder,
        base_model=told.task.base_model,
        model=ledger.review.model if ledger.review else ProposeRequest.model_fields["model"].default,
        techniques=ledger.review.techniques if ledger.review else (),
        mixture=ledger.plan.mixture,
        decoding=answer_decoding(context),
        digest=ledger.digest(left),
        directive=ledger.directive,
        seed=told.seed,
        slots=max(1, AHEAD - under_way),
        tells=tuple(ledger.tells[-10:]),
    )


async def _accepted(context: CrewContext, answer: Proposals) -> list[Proposal]:
    """What the graph does not refuse. After a crash some of the answer may be scheduled already: that stays."""
    ledger = context.ledger
    fresh = [proposal for proposal in answer.proposals if proposal.experiment.id not in ledger.scheduled]
    left = context.clock.left_for_training(ledger) + sum(proposal.experiment.seconds for proposal in fresh)
    accepted: list[Proposal] = []
    for proposal in fresh:
        why = refusal(ledger, proposal, left + SLACK_SECONDS)
        if why is None:
            accepted.append(proposal)
            left -= proposal.experiment.seconds
        else:
            id = proposal.experiment.id
            await context.say(Refused(experiment=id, reason=why), id, recipient="engineer")
    return accepted


async def _schedule(context: CrewContext, accepted: list[Proposal], turn: int) -> tuple[Slot, ...]:
    ledger = context.ledger
    asked = sum(proposal.experiment.seconds for proposal in accepted)
    request = ScheduleRequest(
        proposals=tuple(accepted),
        digest=ledger.digest(context.clock.left_for_training(ledger) + asked),
    )
    return (await context.consult("experimentalist", request, Schedule, turn)).slots
