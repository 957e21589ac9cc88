"""brief: the held-out splits are made and sealed, and the floor begins to be banked while the others read."""

from __future__ import annotations

from langgraph.runtime import Runtime

from graph.context import CrewContext
from graph.nodes.floor import bank_floor
from graph.state import CrewState
from protocol.score import EvalReady, PrepareEval


async def brief(state: CrewState, runtime: Runtime[CrewContext]) -> CrewState:
    context = runtime.context
    told = context.brief
    await context.consult(
        "scorer",
        PrepareEval(task=told.task, folder=told.folder, task_folder=told.task_folder, data_folder=told.data_folder),
        EvalReady,
    )
    context.begin("floor", bank_floor)
    return {"turn": 0, "exhausted_at": -1, "messages": context.dialogue()}
