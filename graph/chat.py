"""What is said in a run, as chat messages for Studio: each by its speaker, tool calls as tool calls."""

from __future__ import annotations

import json
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage

from protocol.envelope import Envelope
from protocol.job import JobEvent, JobLog, JobMetric
from protocol.telling import worth_a_line
from protocol.thought import ToolCalled

USER = "user"
ENVELOPE = "envelope"
JOURNAL = "journal"
"""Marks a line that was said in the run: what is said to it in the chat, the user has just written."""


def chat(envelope: Envelope) -> list[BaseMessage]:
    """The messages for one envelope: none for what only machines want to know. Their ids are the journal's."""
    said = envelope.data
    if isinstance(said, ToolCalled):
        call = {"name": said.tool, "args": _arguments(said.arguments), "id": envelope.id, "type": "tool_call"}
        asked = AIMessage(content="", name=envelope.sender, id=envelope.id, tool_calls=[call])
        status = "error" if said.failed else "success"
        told = ToolMessage(said.result, tool_call_id=envelope.id, name=said.tool, id=f"{envelope.id}-r", status=status)
        return [asked, told]
    if not worth_a_line(said):
        return []
    kind = HumanMessage if envelope.sender == USER else AIMessage
    mark = {JOURNAL: True}
    return [kind(content=said.headline(), name=envelope.sender, id=envelope.id, additional_kwargs=mark)]


def _arguments(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        return {"text": text}
    return found if isinstance(found, dict) else {"value": found}


def event(envelope: Envelope) -> dict[str, Any] | None:
    """One sub-step, for the custom stream: what is said while a node works. None for questions, logs and the like."""
    said = envelope.data
    if isinstance(said, JobLog) or not (isinstance(said, JobEvent | ToolCalled) or worth_a_line(said)):
        return None
    told: dict[str, Any] = {
        "type": said.type,
        "sender": envelope.sender,
        "about": envelope.subject,
        "headline": said.headline(),
    }
    if isinstance(said, JobMetric):
        told |= {"step": said.step, "of": said.max_steps, "values": dict(said.values)}
    return told


def whole(sequence: int, envelope: Envelope) -> dict[str, Any]:
    """An envelope for the custom stream, where a program asks for all of them (`postdocs run --graph-url`)."""
    return {"type": ENVELOPE, "sequence": sequence, "envelope": envelope.model_dump(mode="json")}
