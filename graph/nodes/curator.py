"""curator: what shall we train on?"""

from __future__ import annotations

from langgraph.runtime import Runtime

from graph.context import CrewContext
from graph.state import CrewState
from protocol.data import CurateRequest, DataPlan


async def curator(state: CrewState, runtime: Runtime[CrewContext]) -> CrewState:
    context = runtime.context
    told = context.brief
    request = CurateRequest(
        task=context.ledger.task,
        folder=told.folder,
        task_folder=told.task_folder,
        data_folder=told.data_folder,
        base_model=told.task.base_model,
        round=state.get("turn", 0),
    )
    await context.consult("curator", request, DataPlan, state.get("turn", 0))
    return {"exhausted_at": -1, "messages": context.dialogue()}
