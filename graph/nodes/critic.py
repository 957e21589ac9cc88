"""critic: is it real, and what now? Scores what was trained, hears the Critic, and lets the gate decide."""

from __future__ import annotations

from typing import Literal

from langgraph.runtime import Runtime
from langgraph.types import Command

from graph import lock_in, lookahead
from graph.context import CrewContext
from graph.gate import admit
from graph.nodes.floor import BASE, ship
from graph.nodes.strategies import close_spent
from graph.noise import noise_between
from graph.state import CrewState
from protocol.artifact import ArtifactGot, GetArtifact
from protocol.critique import Critique, CritiqueRequest
from protocol.experiment import STRATEGIES, Entry
from protocol.score import Scored, ScoreRequest


async def critic(state: CrewState, runtime: Runtime[CrewContext]) -> Command[Literal["experimentalist", "curator"]]:
    context = runtime.context
    for entry in lookahead.uncritiqued(context.ledger)[:1]:
        scored = await _score(context, entry)
        critique = await _critique(context, entry, scored)
        if critique.verdict == "promote":
            await _pass_the_gate(context, entry, scored)
        await close_spent(context)
    kind = context.ledger.directive.kind
    goto: Literal["experimentalist", "curator"] = "curator" if kind == "more_data" else "experimentalist"
    return Command(goto=goto, update={"exhausted_at": -1, "messages": context.dialogue()})


async def _score(context: CrewContext, entry: Entry) -> Scored:
    incumbent = context.ledger.incumbent or BASE
    if entry.artifact is not None and entry.model is not None:  # its worker does not see this disk
        await context.consult("artifacts", GetArtifact(ref=entry.artifact, path=entry.model), ArtifactGot, entry.model)
    request = ScoreRequest(
        candidate=entry.experiment.id,
        model=entry.model or context.brief.task.base_model,
        decoding=entry.experiment.decoding,
        against=tuple(dict.fromkeys((incumbent, BASE))),
    )
    return await context.consult("scorer", request, Scored, entry.experiment.id)


async def _critique(context: CrewContext, entry: Entry, scored: Scored) -> Critique:
    ledger = context.ledger
    closing = {name for name in STRATEGIES if name in ledger.closed or lock_in.fired(ledger, name)}
    request = CritiqueRequest(
        entry=ledger.entries[entry.experiment.id],
        scored=scored,
        digest=ledger.digest(context.clock.left_for_training(ledger)),
        open_strategies=tuple(name for name in STRATEGIES if name not in closing),
        target=context.brief.task.target,
    )
    return await context.consult("critic", request, Critique, entry.experiment.id)


async def _pass_the_gate(context: CrewContext, entry: Entry, scored: Scored) -> None:
    ledger, id = context.ledger, entry.experiment.id
    incumbent = ledger.scored[ledger.incumbent or BASE]
    verdict = admit(
        scored,
        incumbent,
        noise_floor=noise_between(ledger, scored, incumbent),
        contamination=ledger.plan.contamination if ledger.plan else None,
        dev_sha256=ledger.eval.dev_sha256 if ledger.eval else "",
    )
    said = await context.say(verdict, id, recipient="critic")
    if verdict.admitted:
        await ship(context, scored, said.id)
