"""What the tests of minds are written with: a role with one form, its mind on a scripted server, and what it says."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from agents.form import BadForm, Form, Unfit
from agents.mind import Turn
from agents.minds.choice import PROVIDERS, Model
from agents.minds.llm import patient, responses
from agents.minds.llm.limits import Limits
from agents.minds.llm.mind import LlmMind
from agents.minds.scripted import Faults, Script, ScriptedServer
from agents.role import Ask, Role
from protocol.control import CancelRun, Tell
from protocol.message import Message, Part
from tools.tool import Tool


class Answer(Part):
    """The form of these tests."""

    text: str


async def _complete(request: Tell, filled: Answer, ask: Ask) -> CancelRun:
    if filled.text == "bad":
        raise BadForm("text must not be `bad`")
    if filled.text == "slow":
        await asyncio.sleep(60)
    if filled.text.startswith("unfit"):
        raise Unfit(f"it was tried: {filled.text}")
    return CancelRun(reason=filled.text)


async def _playbook(request: Tell, ask: Ask) -> CancelRun:
    return CancelRun(reason="by the playbook")


class Laboratory:
    """One mind, and everything that it has said."""

    def __init__(self, mind: LlmMind, server: ScriptedServer) -> None:
        self.mind, self.server = mind, server
        self.said: list[Message] = []

    async def ask(self, text: str = "what now?") -> str:
        async def say(message: Message) -> None:
            self.said.append(message)

        async def nobody(recipient: str, message: Message) -> Message:
            raise AssertionError("nobody is to be asked")

        reply = await self.mind.think(Tell(text=text), Turn("run", nobody, say))
        assert isinstance(reply, CancelRun)
        return reply.reason

    def heard(self, kind: type[Any]) -> list[Any]:
        return [message for message in self.said if isinstance(message, kind)]


@asynccontextmanager
async def laboratory(
    monkeypatch: pytest.MonkeyPatch,
    script: Script,
    faults: Faults | None = None,
    *,
    tools: Iterable[Tool] = (),
    limits: Limits | None = None,
    require: bool = False,
    provider: str = "vllm",
    reasons: bool = False,
    gateway: bool = False,
) -> AsyncIterator[Laboratory]:
    """A mind behind a real client and a real server; retries wait a hundredth of what they would."""
    monkeypatch.setattr(patient, "FIRST_WAIT", 0.01)
    monkeypatch.setattr(responses, "_ways", {})  # another server may have had this port
    names = tuple(tool.name for tool in tools)
    form = Form(Answer, lambda request: str(request.text), _complete, names)
    role = Role(
        name="critic",
        about="for tests",
        playbook={Tell: _playbook},
        prompt="You are tested.",
        forms={Tell: form},
        tools=tuple(tools),
    )
    with ScriptedServer(script, faults, reasons=reasons, gateway=gateway) as server:
        monkeypatch.setenv("VLLM_BASE_URL", server.url)
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        monkeypatch.setenv("OPENAI_API_KEY", "none")
        monkeypatch.setenv("ANTHROPIC_BASE_URL", server.url.removesuffix("/v1"))
        monkeypatch.setenv("ANTHROPIC_API_KEY", "none")
        model = Model(PROVIDERS[provider], "scripted")
        yield Laboratory(LlmMind(role, model, limits or Limits(), require=require), server)
