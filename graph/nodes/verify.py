"""verify: no more jobs; the sealed test split is opened once, for the model that ships. Then what rebuilds it is
written, by the scorer too, since the test split goes into it."""

from __future__ import annotations

from langgraph.runtime import Runtime

from graph.context import CrewContext
from graph.nodes.experimentalist import stop_job
from graph.nodes.floor import BASE, answer_decoding, bank_floor
from graph.state import CrewState
from protocol.bundle import Bundled, BundleRequest
from protocol.score import Scored, ScoreRequest

STOP_SECONDS = 5.0
"""How long stopped jobs are waited for, so that they do not disturb the scoring."""


async def verify(state: CrewState, runtime: Runtime[CrewContext]) -> CrewState:
    context = runtime.context
    await context.finish("floor", bank_floor)
    await _stop_all(context)
    name = context.ledger.incumbent or BASE
    request = ScoreRequest(
        candidate=name,
        model=f"{context.brief.folder}/final_model",
        decoding=answer_decoding(context),  # the scorer takes what final_model says instead
        split="test",
    )
    await context.consult("scorer", request, Scored, "final")
    await context.consult("scorer", BundleRequest(candidate=name), Bundled, name)
    return {"messages": context.dialogue()}


async def _stop_all(context: CrewContext) -> None:
    for entry in context.ledger.with_status("queued", "running"):
        await stop_job(context, entry, "the run ends")
    waited = 0.0
    while context.ledger.with_status("running") and waited < STOP_SECONDS:
        await context.changed(0.25)
        waited += 0.25
