"""The mind that thinks with a language model: an AutoGen `AssistantAgent` with the role's tools and a form to submit.

Whatever goes wrong ends well: what the model can mend is told to it, a bounded number of times; then the playbook
answers, and the journal says so.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from pathlib import Path

from autogen_agentchat.agents import AssistantAgent
from autogen_agentchat.base import Response
from autogen_agentchat.messages import BaseAgentEvent, BaseChatMessage, TextMessage, ToolCallExecutionEvent
from autogen_agentchat.messages import ToolCallRequestEvent as Called
from autogen_core import CancellationToken
from autogen_core.models import ChatCompletionClient

from agents import talk
from agents.form import Form
from agents.mind import Turn
from agents.minds.choice import Model
from agents.minds.llm.bench import Bench
from agents.minds.llm.client import client
from agents.minds.llm.faults import ContextOverflow, ModelFailed
from agents.minds.llm.limits import Limit, LimitExceeded, Limits
from agents.minds.llm.loops import Loops, Word
from agents.minds.llm.patient import PatientClient
from agents.minds.llm.prices import price
from agents.minds.playbook import PlaybookMind
from agents.role import Role
from protocol.errors import PostdocsError
from protocol.message import Message
from protocol.thought import Fallback, Thought
from tools.tool import Desk

log = logging.getLogger(__name__)
ROUNDS = 60
"""Replies of the model in one turn."""
IDLE = 3
"""Replies without a tool call in a row after which it is given up."""
REFUSED = 4
"""Forms that are refused."""
SHORTER = (24_000, 8_000)
"""Characters of a request that did not fit the model's context; then it is given up."""
NUDGE = "Use a tool, or call `submit` with your answer: only that ends your turn."
CUT_OFF = "Your reply was empty or cut off. Call one tool, or `submit` a shorter answer."
REPEATED = "You have had this result before, and nothing has changed since. Go on from it."
ANOTHER_WAY = "You are going round in circles. Try another way, or `submit` the best answer that you have."


class LlmMind:
    """Thinks for a role with one model. Stateless but for what it has spent."""

    def __init__(
        self,
        role: Role,
        model: Model,
        limits: Limits,
        *,
        require: bool = False,
        connect: Callable[[Model], ChatCompletionClient] = client,
    ) -> None:
        self.role, self.model, self.limits, self.require = role, model, limits, require
        self.name = str(model)
        self._playbook, self._connect = PlaybookMind(role), connect

    async def think(self, request: Message, turn: Turn) -> Message:
        """The model's answer, else the playbook's. With `require`, raises instead of falling back."""
        form = (talk.FORMS | dict(self.role.forms)).get(type(request))
        if form is None:
            return await self._playbook.think(request, turn)
        try:
            with self.limits.turn(self.role.name) as limit:
                return await self._answer(request, form, turn, limit)
        except (ModelFailed, LimitExceeded) as error:
            if self.require:
                raise
            reason = str(error)
        log.warning("%s: %s; the playbook answers %s", self.role.name, reason, request.type)
        await turn.say(Fallback(role=self.role.name, model=self.name, asked=request.type, reason=reason))
        return await self._playbook.think(request, turn)

    async def _answer(self, request: Message, form: Form, turn: Turn, limit: Limit) -> Message:
        """Ask; with a shorter request where the model cannot read so much."""
        told = form.tell(request)
        for length in (len(told), *SHORTER):
            try:
                return await self._attempt(request, form, turn, limit, _shortened(told, length))
            except ContextOverflow as error:
                last = error
        raise last

    async def _attempt(self, request: Message, form: Form, turn: Turn, limit: Limit, told: str) -> Message:
        begun = time.monotonic()
        patient = PatientClient(self._connect(self.model), self.name, limit, price(self.model))
        tools = [tool for tool in self.role.tools if tool.name in form.tools]
        bench = Bench(request, form, tools, _desk(request, turn), limit, turn.say, self.role.name)
        try:
            return await self._converse(patient, bench, told)
        finally:
            await patient.close()
            used = patient.total_usage()
            cost = Thought(
                role=self.role.name,
                model=self.name,
                asked=request.type,
                calls=patient.calls,
                tool_calls=bench.calls,
                prompt_tokens=used.prompt_tokens,
                completion_tokens=used.completion_tokens,
                usd=patient.usd,
                seconds=round(time.monotonic() - begun, 3),
                retries=patient.retries,
            )
            await turn.say(cost)

    async def _converse(self, patient: PatientClient, bench: Bench, told: str) -> Message:
        """Reply by reply, until a form is accepted. Raises `ModelFailed` when that will not come."""
        agent = AssistantAgent(
            self.role.name,
            patient,
            workbench=[bench],
            system_message=self.role.prompt,
            reflect_on_tool_use=False,
            max_tool_iterations=1,
        )
        loops, idle, say = Loops(), 0, [told]
        for _ in range(ROUNDS):
            response = await _step(agent, say)
            if bench.reply is not None:
                return bench.reply
            if bench.refused >= REFUSED:
                raise ModelFailed(self.name, f"{REFUSED} answers were refused")
            calls = _calls(response)
            idle = 0 if calls else idle + 1
            if idle >= IDLE:
                raise ModelFailed(self.name, f"{IDLE} replies without an answer")
            words = [loops.see(*call) for call in calls]
            say = _say(words, response)
            if Word.OVER in words:
                raise ModelFailed(self.name, "it went round in circles")
        raise ModelFailed(self.name, f"no answer after {ROUNDS} replies")


async def _step(agent: AssistantAgent, say: list[str]) -> Response:
    """One reply of the model, with the tools that it calls."""
    messages = [TextMessage(content=text, source="crew") for text in say]
    try:
        return await agent.on_messages(messages, CancellationToken())
    except PostdocsError:
        raise
    except Exception as error:  # of the library, about a reply that it cannot read
        raise ModelFailed(agent.name, f"an unreadable reply ({type(error).__name__}: {error})") from error


def _calls(response: Response) -> list[tuple[str, str, str, bool]]:
    """(tool, arguments, result, failed) of each call in this reply, those to unknown tools and unreadable ones too."""
    events: list[BaseAgentEvent | BaseChatMessage] = list(response.inner_messages or [])
    asked = {call.id: call for event in events if isinstance(event, Called) for call in event.content}
    results = [result for event in events if isinstance(event, ToolCallExecutionEvent) for result in event.content]
    return [
        (
            result.name,
            asked[result.call_id].arguments if result.call_id in asked else "",
            result.content,
            bool(result.is_error),
        )
        for result in results
    ]


def _say(words: list[Word], response: Response) -> list[str]:
    """What to tell the model before its next reply; nothing where the tools' results speak for themselves."""
    if not words:
        text = response.chat_message.to_text() if isinstance(response.chat_message, TextMessage) else ""
        return [NUDGE if text.strip() else CUT_OFF]
    if Word.ANOTHER_WAY in words:
        return [ANOTHER_WAY]
    return [REPEATED] if Word.TELL in words else []


def _shortened(text: str, length: int) -> str:
    """Its beginning and its end: the brief stands first, the question last."""
    if len(text) <= length:
        return text
    half = length // 2
    return f"{text[:half]}\n[… {len(text) - length:,} characters left out …]\n{text[-half:]}"


def _desk(request: Message, turn: Turn) -> Desk:
    folder, task_folder = getattr(request, "folder", "."), getattr(request, "task_folder", ".")
    return Desk(request, Path(folder), Path(task_folder), turn.ask)
