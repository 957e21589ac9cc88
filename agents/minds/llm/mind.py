"""The mind that thinks with a language model: an AutoGen `AssistantAgent` with the role's tools and a form to submit.

Whatever goes wrong ends well: what the model can mend is told to it, a bounded number of times; then the playbook
answers, and the journal says so.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
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
from agents.minds.llm.bench import NO_CALLS, SUBMIT, Bench
from agents.minds.llm.client import client
from agents.minds.llm.ending import Ending
from agents.minds.llm.faults import ContextOverflow, ModelFailed
from agents.minds.llm.limits import Limit, LimitExceeded, Limits
from agents.minds.llm.loops import Loops, Word
from agents.minds.llm.patient import Patience, PatientClient
from agents.minds.llm.prices import price
from agents.minds.llm.shorten import shortened
from agents.minds.playbook import PlaybookMind
from agents.role import Role
from protocol.errors import PostdocsError
from protocol.message import Message
from protocol.thought import Fallback, Thought
from tools.mcp import Servers
from tools.tool import Desk, Tool

log = logging.getLogger(__name__)
ROUNDS = 60
"""Replies of the model in one turn."""
IDLE = 3
"""Replies without a tool call in a row after which it is given up."""
REFUSED = 4
"""Forms that are refused."""
UNFIT = 10
"""Answers that are well-formed, were tried, and do not work: each tells what to mend, which is no circle."""
SHORTER = ((24_000, 4_000), (8_000, 1_500))
"""Characters of a request, and of each tool's result, where they did not fit the model's context; then it is over."""
NUDGE = "Use a tool, or call `submit` with your answer: only that ends your turn."
CUT_OFF = "Your reply was empty or cut off. Call one tool, or `submit` a shorter answer."
CALL_CUT_OFF = "Your reply was cut off before its call was complete. Call one tool at a time, with shorter arguments."
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
        patience: Patience | None = None,
        connect: Callable[[Model], ChatCompletionClient] = client,
        servers: Servers | None = None,
    ) -> None:
        """`servers`: the MCP servers of the run, of which the role may have tools beside its own."""
        self.servers = servers or Servers()
        self.role, self.model, self.limits, self.require = role, model, limits, require
        self.name = str(model)
        self._playbook, self._connect, self._patience = PlaybookMind(role), connect, patience or Patience()

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
        """Ask; with a shorter request, and shorter results of tools, where the model cannot read so much."""
        told = form.tell(request)
        own = [tool for tool in self.role.tools if tool.name in form.tools]
        taken = {SUBMIT, *(tool.name for tool in self.role.tools)}
        async with self.servers.tools(self.role.name, taken, turn.say, limit.seconds_left()) as others:
            for length, most in ((len(told), None), *SHORTER):
                bench = self._bench(request, form, [*own, *others], turn, limit, most)
                try:
                    # what is left stands at the end: all before it may be in the provider's cache
                    return await self._attempt(bench, turn, limit, f"{shortened(told, length)}\n{limit.told()}")
                except ContextOverflow as error:
                    last = error
        raise last

    def _bench(
        self, request: Message, form: Form, tools: Sequence[Tool], turn: Turn, limit: Limit, most: int | None
    ) -> Bench:
        desk = _desk(request, turn, self.role.name, self.name)
        return Bench(request, form, tools, desk, limit, turn.say, self.role.name, most)

    async def _attempt(self, bench: Bench, turn: Turn, limit: Limit, told: str) -> Message:
        begun = time.monotonic()
        patient = PatientClient(self._connect(self.model), self.name, limit, price(self.model), self._patience)
        try:
            return await self._converse(patient, bench, told)
        finally:
            await patient.close()
            used = patient.total_usage()
            cost = Thought(
                role=self.role.name,
                model=self.name,
                asked=bench.request.type,
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
        loops, idle, say, ending = Loops(), 0, [told], Ending(bench.limit)
        for _ in range(ROUNDS):
            bench.closed = ending.short_of is not None
            response = await _step(agent, say)
            if bench.reply is not None:
                return bench.reply
            self._give_up(bench)
            calls = await _calls(response, bench)
            if ending.short_of is not None and all(name != SUBMIT for name, *_ in calls):
                raise bench.limit.used_up(ending.short_of)
            idle = 0 if calls else idle + 1
            if idle >= IDLE:
                raise ModelFailed(self.name, f"{IDLE} replies without an answer")
            words = [Word.NOTHING if call[2] == NO_CALLS else loops.see(*call) for call in calls]
            say = _say(words, response, patient.cut_off and any(failed for *_, failed in calls))
            if Word.OVER in words:
                raise ModelFailed(self.name, "it went round in circles")
            say += ending.see()
        raise ModelFailed(self.name, f"no answer after {ROUNDS} replies")

    def _give_up(self, bench: Bench) -> None:
        """Raises `ModelFailed` after too many answers that are none."""
        if bench.refused >= REFUSED:
            raise ModelFailed(self.name, f"{REFUSED} answers were refused")
        if bench.unfit >= UNFIT:
            raise ModelFailed(self.name, f"{UNFIT} answers were tried and did not work")


async def _step(agent: AssistantAgent, say: list[str]) -> Response:
    """One reply of the model, with the tools that it calls."""
    messages = [TextMessage(content=text, source="crew") for text in say]
    try:
        return await agent.on_messages(messages, CancellationToken())
    except PostdocsError:
        raise
    except Exception as error:  # of the library, about a reply that it cannot read
        raise ModelFailed(agent.name, f"an unreadable reply ({type(error).__name__}: {error})") from error


async def _calls(response: Response, bench: Bench) -> list[tuple[str, str, str, bool]]:
    """(tool, arguments, result, failed) of each call in this reply. Those to unknown tools and unreadable ones, which
    AutoGen answers itself, are journaled here."""
    events: list[BaseAgentEvent | BaseChatMessage] = list(response.inner_messages or [])
    asked = {call.id: call for event in events if isinstance(event, Called) for call in event.content}
    found = []
    for result in (one for event in events if isinstance(event, ToolCallExecutionEvent) for one in event.content):
        arguments = asked[result.call_id].arguments if result.call_id in asked else ""
        if result.call_id not in bench.heard:
            await bench.note(result.name, arguments, result.content)
        found.append((result.name, arguments, result.content, bool(result.is_error)))
    return found


def _say(words: list[Word], response: Response, cut_off: bool) -> list[str]:
    """What to tell the model before its next reply; nothing where the tools' results speak for themselves. `cut_off`:
    its calls were."""
    if not words:
        text = response.chat_message.to_text() if isinstance(response.chat_message, TextMessage) else ""
        return [NUDGE if text.strip() else CUT_OFF]
    if Word.ANOTHER_WAY in words:
        return [ANOTHER_WAY]
    if cut_off:
        return [CALL_CUT_OFF]
    return [REPEATED] if Word.TELL in words else []


def _desk(request: Message, turn: Turn, role: str, model: str) -> Desk:
    folder, task_folder = getattr(request, "folder", "."), getattr(request, "task_folder", ".")
    return Desk(request, Path(folder), Path(task_folder), turn.ask, turn.say, role, model)
