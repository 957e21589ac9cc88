"""report: the run's figures, as its last message. The report itself is written from the journal by the launcher."""

from __future__ import annotations

from langgraph.runtime import Runtime

from graph.context import CrewContext
from graph.nodes.floor import BASE
from graph.state import CrewState
from protocol.control import Outcome, RunEnded
from protocol.ledger import Ledger


async def report(state: CrewState, runtime: Runtime[CrewContext]) -> CrewState:
    context = runtime.context
    await context.say(_ended(context), "end")
    return {"messages": context.dialogue()}


def _ended(context: CrewContext) -> RunEnded:
    ledger, told = context.ledger, context.brief
    assert ledger.floor is not None
    name = ledger.incumbent or BASE
    ran = [entry for entry in ledger.entries.values() if entry.attempts or entry.score]
    return RunEnded(
        outcome=outcome(ledger, told.task.target),
        candidate=name,
        floor=ledger.floor.score,
        dev=ledger.scored[name].score,
        test=ledger.tests[name].score,
        target=told.task.target,
        experiments=len(ran),
        killed=len(ledger.with_status("killed")),
        promoted=len([shipped for shipped in ledger.shipped if shipped.candidate != BASE]),
        failed=len(ledger.with_status("failed")),
        seconds=context.clock.spent(ledger),
        busy=ledger.busy_share(context.clock.now()),
        final_model=f"{told.folder}/final_model",
        fork_of=told.fork.parent if told.fork else None,
    )


def outcome(ledger: Ledger, target: float | None) -> Outcome:
    """How the run ended. A target counts by the sealed test; without one, anything that passed the gate will do."""
    name = ledger.incumbent or BASE
    if target is not None and ledger.tests[name].score.value >= target:
        return "target_met"
    if ledger.cancelled:
        return "cancelled"
    if target is not None:
        return "target_missed"
    return "better_than_floor" if name != BASE else "floor_kept"
