"""What the checkpoint holds: a cursor and small bounded state, never history. History is the journal's."""

from __future__ import annotations

from typing import Annotated, TypedDict

from langchain_core.messages import BaseMessage

DIALOGUE = 40
"""How many of the latest chat messages the state keeps, for Studio to show."""


def latest(before: list[BaseMessage], new: list[BaseMessage]) -> list[BaseMessage]:
    """Reducer of `messages`: appends, and forgets all but the last `DIALOGUE`."""
    return [*before, *new][-DIALOGUE:]


class CrewState(TypedDict, total=False):
    """State of the machine. All facts of the run are read from the journal instead."""

    run: str
    turn: int
    """Counts the Engineer's turns: part of the id of each of its questions."""
    exhausted_at: int
    """How many experiments had ended when the Engineer had nothing to propose; it is asked again when more have."""
    onward: str
    """Where the graph goes when the roles that stand in between have been heard."""
    advised: int
    """Counts what was asked of roles with a place of their own: part of the id of each question."""
    messages: Annotated[list[BaseMessage], latest]
