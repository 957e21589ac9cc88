"""The workbench of one turn: the tools that the role may use for this request, and `submit`.

Every call is bounded in time and size, counted against the turn's limit, and journaled with its result.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from autogen_core import CancellationToken
from autogen_core.tools import TextResultContent, ToolResult, ToolSchema, Workbench
from pydantic import BaseModel, ValidationError

from agents.form import BadForm, Form, Unfit
from agents.minds.llm.limits import Limit, LimitExceeded
from agents.minds.llm.schema import parameters
from protocol.message import Message
from protocol.thought import ToolCalled
from tools.tool import Desk, Tool, ToolFault, cut, untrusted

SUBMIT = "submit"
ABOUT_SUBMIT = "Give your answer. Your turn ends with it."
NO_CALLS = "not called: no tool calls are left"
FAULT = 1_000
"""Characters of an unexpected error."""
JOURNALED = 4_000
"""Characters of a call's arguments and of its result that the journal keeps."""


class Bench(Workbench):
    """Tools for one turn. What was accepted by `submit` is in `reply`; with `closed` it is all that is offered."""

    def __init__(
        self,
        request: Message,
        form: Form,
        tools: Sequence[Tool],
        desk: Desk,
        limit: Limit,
        say: Callable[[Message], Awaitable[None]],
        role: str,
        most: int | None = None,
    ) -> None:
        """`most`: characters of a tool's result, where the tool itself allows more."""
        self.request, self.form, self.desk, self.limit, self.role = request, form, desk, limit, role
        self.tools = {tool.name: tool for tool in tools}
        self.most = most
        self.reply: Message | None = None
        self.closed = False
        self.heard: set[str] = set()
        """Ids of the calls that came here; those of unknown tools and unreadable ones do not."""
        self.calls = self.refused = self.unfit = 0
        self._say = say

    async def list_tools(self) -> list[ToolSchema]:
        tools = () if self.closed else self.tools.values()
        listed = [_schema(tool.name, tool.about, tool.arguments) for tool in tools]
        return [*listed, _schema(SUBMIT, ABOUT_SUBMIT, self.form.fields)]

    async def call_tool(
        self,
        name: str,
        arguments: Mapping[str, Any] | None = None,
        cancellation_token: CancellationToken | None = None,
        call_id: str | None = None,
    ) -> ToolResult:
        """The tool's result, or what was wrong; never raises, since nobody is there to catch it."""
        begun = time.monotonic()
        self.heard.add(call_id or "")
        told, failed = await self._attempt(name, arguments or {})
        said = ToolCalled(
            role=self.role,
            tool=name,
            arguments=cut(json.dumps(arguments, ensure_ascii=False), JOURNALED),
            result=cut(told, JOURNALED),
            failed=failed,
            seconds=round(time.monotonic() - begun, 3),
        )
        await self._say(said)
        return ToolResult(name=name, result=[TextResultContent(content=told)], is_error=failed)

    async def note(self, name: str, arguments: str, told: str) -> None:
        """Journal a call that could not be made: of an unknown tool, or with arguments that are no JSON."""
        call = ToolCalled(
            role=self.role, tool=name, arguments=cut(arguments, JOURNALED), result=cut(told, JOURNALED), failed=True
        )
        await self._say(call)

    async def _attempt(self, name: str, arguments: Mapping[str, Any]) -> tuple[str, bool]:
        try:
            if name == SUBMIT:
                return await self._submit(arguments), False
            if self.limit.left("tool_calls") == 0:
                return NO_CALLS, True
            self.calls += 1
            self.limit.spend(tool_calls=1)
            return await self._use(self.tools[name], arguments)
        except ValidationError as error:
            self.refused += name == SUBMIT
            return _faults(error), True
        except BadForm as error:
            self.unfit += isinstance(error, Unfit)
            self.refused += not isinstance(error, Unfit)
            return str(error), True
        except LimitExceeded as error:
            return str(error), True
        except Exception as error:  # a defect must not end the turn
            return f"{name} failed: {type(error).__name__}: {error}"[:FAULT], True

    async def _submit(self, arguments: Mapping[str, Any]) -> str:
        filled = self.form.fields.model_validate(arguments)
        left = self.limit.seconds_left()
        try:
            async with asyncio.timeout(left) as patience:
                self.reply = await self.form.complete(self.request, filled, self.desk.ask)
        except TimeoutError as error:
            if not patience.expired():
                raise
            raise BadForm(f"trying your answer took longer than the {left or 0:.0f} s that were left") from error
        return "accepted"

    async def _use(self, tool: Tool, arguments: Mapping[str, Any]) -> tuple[str, bool]:
        """Its result, or its fault, marked where a stranger may have worded it. Raises for wrong arguments only."""
        given, failed = tool.arguments.model_validate(arguments), True
        left = self.limit.seconds_left()
        seconds = tool.seconds if left is None else min(tool.seconds, left)
        try:
            async with asyncio.timeout(seconds):
                text = cut(await tool.run(given, self.desk), min(tool.characters, self.most or tool.characters))
            failed = False
        except TimeoutError:
            text = f"{tool.name} took longer than {seconds:.0f} s and was stopped; ask for less"
        except ToolFault as error:
            text = str(error)
        except Exception as error:
            text = f"{tool.name} failed: {type(error).__name__}: {error}"[:FAULT]
        return untrusted(text, tool.name) if tool.outside else text, failed

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    async def reset(self) -> None: ...

    async def save_state(self) -> Mapping[str, Any]:
        return {}

    async def load_state(self, state: Mapping[str, Any]) -> None: ...


def _schema(name: str, about: str, arguments: type[BaseModel]) -> ToolSchema:
    return ToolSchema(name=name, description=about, parameters=parameters(arguments), strict=False)


def _faults(error: ValidationError) -> str:
    """Each fault with its place, for the model to mend."""
    told = [f"{'.'.join(map(str, fault['loc'])) or 'arguments'}: {fault['msg']}" for fault in error.errors()[:10]]
    return "invalid: " + "; ".join(told)
