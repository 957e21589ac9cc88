"""The crew's graph for LangGraph's server, as `langgraph.json` names it: the crew's nodes, and before them how a run
begins: from a sentence, a task, or a run that is there.

    START ─ intake ─┬─ approve ─ brief ─ reviewer ─ … ─ report ─ END
                    └─ follow (a run that `postdocs run` drives)

A new node of `graph/crew.py::assemble` is in it without a word here.
"""

from __future__ import annotations

import functools
import os
import typing
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph
from langgraph.runtime import Runtime
from langgraph.types import Command

from graph.context import CrewContext
from graph.crew import Node, assemble
from graph.live import Live
from graph.nodes.advice import hear
from graph.nodes.intake import approve, follow, intake
from graph.panel import panel
from graph.studio_state import StudioInput, StudioState, cursor
from graph.time_travel import hear_edits, place, seconds, ship_again
from protocol.crew import Crew
from protocol.errors import BadInput, PostdocsError

CREW_VARIABLE = "POSTDOCS_CREW"
NO_LIMIT = 10**9
"""LangGraph's limit on supersteps; the budget is ours."""


class StepFailed(RuntimeError):
    """Why a node could not do its work. LangGraph's server keeps to itself what errors say, but for Python's own."""


class StepRefused(StepFailed):
    """It was given something that cannot be used."""


@contextmanager
def in_words() -> Iterator[None]:
    """Errors of ours become such that people get to see. Raises `StepFailed`."""
    try:
        yield
    except PostdocsError as error:
        kind = StepRefused if error.exit_code == BadInput.exit_code else StepFailed
        raise kind(str(error)) from error


Studio = CompiledStateGraph[Any, Any, Any, Any]


@asynccontextmanager
async def make(config: RunnableConfig) -> AsyncIterator[Studio]:
    """The graph for one invocation; its connections are made when a node wants them.

    `config["configurable"]["whole_after"]`: stream every envelope of the run's journal after this sequence number.
    """
    whole_after = (config.get("configurable") or {}).get("whole_after")
    async with Live(None if whole_after is None else int(whole_after)) as live:
        yield build(live)


def build(live: Live) -> Studio:
    """The compiled graph. LangGraph's server brings the checkpointer."""
    graph = StateGraph(StudioState, input_schema=StudioInput)
    for node in (intake, approve, follow):
        graph.add_node(node.__name__, _with(live, node))
        _route(graph, node)

    def dress(node: Node) -> Node:
        _route(graph, node)
        return _in_step(live, node)

    assemble(graph, dress, drawn())
    graph.add_edge(START, "intake")
    return graph.compile(name="crew").with_config(recursion_limit=NO_LIMIT)


def drawn() -> Crew:
    """Who has a node in the graph of all runs: the roles that are installed where the desk is, as that has told."""
    return Crew.model_validate_json(os.environ.get(CREW_VARIABLE) or "{}")


def _route(graph: StateGraph[Any, Any, Any, Any], node: Node) -> None:
    """Let a node that says where to go say so in the state, for an edge to read.

    A `Command` would be lost where the state of a checkpoint is edited, since its node is not run again then.
    """
    told = typing.get_type_hints(node).get("return")
    if typing.get_origin(told) is Command:
        [places] = typing.get_args(told)
        graph.add_conditional_edges(node.__name__, _onward, list(typing.get_args(places)))


def _onward(state: StudioState) -> str:
    return state.get("goto") or END


def _as_update(answer: Any) -> dict[str, Any]:
    if isinstance(answer, Command):
        return {**dict(answer.update or {}), "goto": answer.goto}
    return dict(answer)


async def _heard(node: Node, state: dict[str, Any], runtime: Runtime[CrewContext]) -> dict[str, Any]:
    """A step, and after it those roles of this run that have no node here."""
    update = _as_update(await node(state, runtime))
    context, number = runtime.context, int(state.get("advised") or 0)
    nodes, step = drawn().placed(), node.__name__
    for role, place_of in context.brief.crew.placed().items():
        if place_of == step and nodes.get(role) != step:
            number += 1
            await hear(context, role, step, number)
            update["advised"] = number
    return update


def _typed(dressed: Node) -> Node:
    """From the annotations LangGraph makes its schema and draws its edges: ours are those of `_route`."""
    dressed.__annotations__ = {"state": StudioState, "runtime": Runtime[Any], "return": dict[str, Any]}
    return dressed


def _with(live: Live, node: Node) -> Node:
    """A node that is given the live connections."""

    @functools.wraps(node)
    async def dressed(state: StudioState, runtime: Runtime[Any]) -> dict[str, Any]:
        with in_words():
            return _as_update(await node(state, runtime.override(context=live)))

    return _typed(dressed)


def _in_step(live: Live, node: Node) -> Node:
    """One of the crew's nodes as a step of a run: in the run or its fork, its words told, its panel renewed."""

    @functools.wraps(node)
    async def dressed(state: StudioState, runtime: Runtime[Any]) -> dict[str, Any]:
        with in_words():
            return await _step(live, node, state, runtime)

    return _typed(dressed)


async def _step(live: Live, node: Node, state: StudioState, runtime: Runtime[Any]) -> dict[str, Any]:
    run = await place(live, dict(state), runtime, node.__name__)
    assert runtime.execution_info is not None
    context, hearing = await live.context(run, runtime.execution_info.thread_id or "")
    before: dict[str, Any] = dict(state.get("cursor") or {})
    context.clock.budget = seconds(state) or context.clock.budget
    await ship_again(context)
    edits = await hear_edits(context, dict(state), runtime.execution_info.checkpoint_id)
    with hearing.told(runtime.stream_writer):
        work = _heard(node, {**state, **edits, "run": run}, runtime.override(context=context))
        answer = await live.guard(work)
    shown = panel(context.ledger, context.clock)
    seen = {
        **shown,
        "run": run,
        "messages": hearing.since(before.get("sequence", 0)),
        "cursor": cursor(shown, before.get("step", 0) + 1, hearing.sequence),
    }
    return {**edits, **answer, **seen}
