"""The crew's graph, assembled in one place.

brief ─ reviewer ─ curator ─ engineer ─ experimentalist ─ critic ─┬─ experimentalist ─ (engineer | verify)
  └ floor (banked while the others read)    ↺ wait for events     └─ curator
                                                                     verify ─ report ─ END
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph

from graph.context import CrewContext
from graph.nodes.brief import brief
from graph.nodes.critic import critic
from graph.nodes.curator import curator
from graph.nodes.engineer import engineer
from graph.nodes.experimentalist import experimentalist
from graph.nodes.report import report
from graph.nodes.reviewer import reviewer
from graph.nodes.verify import verify
from graph.state import CrewState

Crew = CompiledStateGraph[CrewState, CrewContext, CrewState, CrewState]


Node = Callable[..., Any]
Dress = Callable[[Node], Node]


def build(checkpointer: BaseCheckpointSaver[str] | None = None) -> Crew:
    """The compiled state machine."""
    graph = StateGraph(CrewState, context_schema=CrewContext)
    assemble(graph)
    graph.add_edge(START, "brief")
    return graph.compile(checkpointer=checkpointer)


def assemble(graph: StateGraph[Any, Any, Any, Any], dress: Dress = lambda node: node) -> None:
    """Put the crew into a graph, each node in `dress`. Nodes bear the roles' names, so Studio draws the crew."""
    graph.add_node("brief", dress(brief))  # seals the held-out splits, begins to bank the floor
    graph.add_node("reviewer", dress(reviewer))  # what is known
    graph.add_node("curator", dress(curator))  # what to train on
    graph.add_node("engineer", dress(engineer))  # what to try next
    graph.add_node("experimentalist", dress(experimentalist))  # runs it; goes to critic, engineer or verify
    graph.add_node("critic", dress(critic))  # is it real; goes back, or asks for other data
    graph.add_node("verify", dress(verify))  # opens the sealed test once
    graph.add_node("report", dress(report))  # says the figures
    graph.add_edge("brief", "reviewer")
    graph.add_edge("reviewer", "curator")
    graph.add_edge("curator", "engineer")
    graph.add_edge("engineer", "experimentalist")
    graph.add_edge("verify", "report")
    graph.add_edge("report", END)
