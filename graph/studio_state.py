"""The state of Studio's graph: the crew's, what one sees at a glance, and what is being begun."""

from __future__ import annotations

from typing import Annotated, Any, cast

from langchain_core.messages import BaseMessage
from langgraph.graph.message import add_messages
from typing_extensions import TypedDict

from graph.panel import Panel
from graph.state import DIALOGUE


def last_lines(before: list[BaseMessage], new: Any) -> list[BaseMessage]:
    """Reducer of `messages`: as LangGraph's own, but forgets all but the last `DIALOGUE`."""
    merged: Any = add_messages(cast(Any, before), new)
    return list(merged)[-DIALOGUE:]


class StudioInput(TypedDict, total=False):
    """What a thread is begun with: one of these."""

    messages: Annotated[list[BaseMessage], last_lines]
    """A goal in words, as a chat message; in mid-run: what to tell the crew."""
    task: str
    """A goal in words, the path of a task file, or the text of one."""
    run: str
    """A run that is there, by its id, the beginning of it, or `latest`."""
    start: dict[str, Any]
    """A `StartRun` whose files were put to `/given`; `run` is the id it is to have (`postdocs run --graph-url`)."""


class Cursor(TypedDict, total=False):
    """Where the run stood when the state was made. Not to be edited."""

    step: int
    sequence: int
    """Of the journal: where a fork from here begins."""
    directive: dict[str, Any]
    """As it was shown: when the state says otherwise, the user has edited it."""


class StudioState(StudioInput, Panel, total=False):
    """All of it."""

    tell: str
    """Words for the crew, heard at the next step: edit it in a fork."""
    draft: str
    """A task file that waits for approval."""
    folder: str
    """What the draft's paths are relative to."""
    tried: int
    """How many times the draft was mended."""
    following: bool
    """This thread looks on: another one, or somebody elsewhere, drives the run."""
    heard: str
    """Id of the last chat message that was acted on."""
    goto: str
    """The node that comes next, where a node decides it."""
    onward: str
    advised: int
    turn: int
    exhausted_at: int
    cursor: Cursor


def cursor(shown: Panel, step: int, sequence: int) -> Cursor:
    """The cursor beside a panel."""
    return Cursor(step=step, sequence=sequence, directive=shown.get("directive", {}))
