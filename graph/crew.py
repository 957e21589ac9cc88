"""The crew's graph, assembled in one place.

brief ─ reviewer ─ curator ─ engineer ─ experimentalist ─ critic ─┬─ experimentalist ─ (engineer | verify)
  └ floor (banked while the others read)    ↺ wait for events     └─ curator
                                                                     verify ─ report ─ END

A role with a place of its own stands behind the step that it is said to come after; one that a task leaves out is not
there.
"""

from __future__ import annotations

import typing
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph

from graph.context import CrewContext
from graph.nodes.advice import advice, detour
from graph.nodes.brief import brief
from graph.nodes.critic import critic
from graph.nodes.curator import curator
from graph.nodes.engineer import engineer
from graph.nodes.experimentalist import experimentalist
from graph.nodes.report import report
from graph.nodes.reviewer import reviewer
from graph.nodes.verify import verify
from graph.state import CrewState
from protocol.crew import Crew

Machine = CompiledStateGraph[CrewState, CrewContext, CrewState, CrewState]
Node = Callable[..., Any]
Dress = Callable[[Node], Node]
Graph = StateGraph[Any, Any, Any, Any]


def build(checkpointer: BaseCheckpointSaver[str] | None = None, crew: Crew = Crew()) -> Machine:  # noqa: B008 frozen
    """The compiled state machine of a run with this crew."""
    graph = StateGraph(CrewState, context_schema=CrewContext)
    assemble(graph, crew=crew)
    graph.add_edge(START, "brief")
    return graph.compile(checkpointer=checkpointer)


def assemble(graph: Graph, dress: Dress = lambda node: node, crew: Crew = Crew()) -> None:  # noqa: B008 frozen
    """Put the crew into a graph, each node in `dress`. Nodes bear the roles' names, so Studio draws the crew."""
    opening = {
        "brief": brief,  # seals the held-out splits, begins to bank the floor
        "reviewer": reviewer,  # what is known
        "curator": curator,  # what to train on
        "engineer": engineer,  # what to try next
    }
    line: list[str] = []
    for place, node in opening.items():
        if crew.seated(place):
            graph.add_node(place, dress(node))
            line.append(place)
        line += _add(graph, dress, crew, place)
    for before, after in pairwise([*line, "experimentalist"]):
        graph.add_edge(before, after)
    _turn(graph, dress, crew, experimentalist)  # runs it; goes to critic, engineer or verify
    _turn(graph, dress, crew, critic)  # is it real; goes back, or asks for other data
    graph.add_node("verify", dress(verify))  # opens the sealed test once
    graph.add_node("report", dress(report))  # says the figures
    graph.add_edge("verify", "report")
    graph.add_edge("report", END)


def _add(graph: Graph, dress: Dress, crew: Crew, place: str, onward: Sequence[str] = ()) -> tuple[str, ...]:
    """The roles that stand after a step; their names, in order. The last one goes `onward`, where the step chooses."""
    roles = crew.after(place)
    for role in roles:
        graph.add_node(role, dress(advice(role, place, onward if role == roles[-1] else ())))
    return roles


def _turn(graph: Graph, dress: Dress, crew: Crew, node: Node) -> None:
    """A step that chooses where to go, and the roles to be heard before that."""
    [ways] = typing.get_args(typing.get_type_hints(node)["return"])
    roles = _add(graph, dress, crew, node.__name__, typing.get_args(ways))
    graph.add_node(node.__name__, dress(detour(node, roles[0]) if roles else node))
    for before, after in pairwise(roles):
        graph.add_edge(before, after)
