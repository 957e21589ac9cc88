"""Asks the model that a run would have for one tiny tool call: what `postdocs doctor --online` says about it."""

from __future__ import annotations

import asyncio
import time
from typing import Literal

from autogen_core import FunctionCall
from autogen_core.models import UserMessage
from autogen_core.tools import ToolSchema

from agents.minds import choice
from agents.minds.choice import Model
from agents.minds.llm.client import client
from agents.minds.llm.faults import reason
from protocol.errors import BadInput, without_userinfo

SECONDS = 60.0
"""A local server may have to load its model first."""
TOOL = ToolSchema(
    name="ready", description="Says that you can call tools.", parameters={"type": "object", "properties": {}}
)
ASKED = "Call the tool `ready`, and say nothing else."
Check = tuple[str, Literal["ok", "missing"], str]


async def model_check() -> Check | None:
    """None where a run would have the playbook, or a model that `doctor` finds fault with anyway. Never raises."""
    try:
        model = choice.of(choice.choose([], ()), choice.DEFAULT)
    except BadInput:
        return None
    if model is None:
        return None
    name, begun = f"{model} at {without_userinfo(model.url())}", time.monotonic()
    try:
        async with asyncio.timeout(SECONDS):
            called = await _calls_a_tool(model)
    except TimeoutError:
        return "model", "missing", f"{name}: no answer within {SECONDS:.0f} s"
    except Exception as error:  # SDKs raise what they like
        return "model", "missing", f"{name}: {reason(error)}"
    if not called:
        return "model", "missing", f"{name} answers, but calls no tool: serve it with tool calls, or take another"
    return "model", "ok", f"{name} answers and calls tools ({time.monotonic() - begun:.1f} s)"


async def _calls_a_tool(model: Model) -> bool:
    asked = client(model)
    try:
        reply = await asked.create([UserMessage(content=ASKED, source="doctor")], tools=[TOOL])
    finally:
        await asked.close()
    return any(isinstance(part, FunctionCall) for part in reply.content)
