"""reviewer: what is known about this problem?"""

from __future__ import annotations

from langgraph.runtime import Runtime

from graph.context import CrewContext
from graph.state import CrewState
from protocol.research import Review, ReviewRequest


async def reviewer(state: CrewState, runtime: Runtime[CrewContext]) -> CrewState:
    context = runtime.context
    told = context.brief
    if not told.crew.seated("reviewer"):  # Studio draws one graph for all runs
        return {"messages": []}
    request = ReviewRequest(task=context.ledger.task, folder=told.folder, task_folder=told.task_folder)
    await context.consult("reviewer", request, Review)
    return {"messages": context.dialogue()}
