"""What single providers want, beyond what OpenAI's chat completions have in common."""

from __future__ import annotations

import os

import pytest
from mind_laboratory import laboratory
from pydantic import BaseModel

from agents.minds.llm import client
from agents.minds.scripted import Call, Conversation, Faults
from agents.minds.scripted.faults import Fault
from agents.minds.scripted.talk import Reply
from protocol.thought import Fallback, Thought
from tools.tool import Desk, Tool


class Nothing(BaseModel):
    """No arguments."""


async def look(given: Nothing, desk: Desk) -> str:
    return "seen " + "x" * 4_000


LOOK = Tool("look", "Looks.", Nothing, look)


def looks(talk: Conversation) -> Reply:
    """Looks twice at once, once more, and answers."""
    if not talk.results:
        return [Call("look"), Call("look")]
    return Call("look") if len(talk.results) < 3 else Call("submit", {"text": "seen"})


@pytest.mark.parametrize("fault", [None, "rate_limit", "server_error", "cut", "wrong_json", "empty", "unknown_tool"])
async def test_anthropics_own_client_works_as_well(monkeypatch: pytest.MonkeyPatch, fault: Fault | None) -> None:
    """Its server refuses thinking that does not come back, and empty text."""
    faults = Faults(ordered=[fault, None])
    async with laboratory(monkeypatch, looks, faults, tools=[LOOK], provider="anthropic") as lab:
        assert await lab.ask() == "seen"
        assert not lab.heard(Fallback) and lab.heard(Thought)[0].prompt_tokens > 0
        assert lab.server.seen[-1].system == "You are tested."


async def test_anthropic_keeps_what_stands_first_and_what_it_keeps_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    async with laboratory(monkeypatch, looks, tools=[LOOK], provider="anthropic") as lab:
        assert [await lab.ask("one"), await lab.ask("another")] == ["seen", "seen"]
        assert [bool(read) for read in lab.server.cached] == [False, *[True] * 5]
        assert sum(t.prompt_tokens + t.completion_tokens for t in lab.heard(Thought)) == sum(lab.server.billed)


@pytest.mark.parametrize("fault", [None, "rate_limit", "cut", "wrong_json", "empty", "unknown_tool", "bad_arguments"])
async def test_an_openai_model_that_reasons_is_asked_over_responses(
    monkeypatch: pytest.MonkeyPatch, fault: Fault | None
) -> None:
    """Its server refuses calls without the reasoning that led to them."""
    faults = Faults(ordered=[None, None, fault])  # the first is what chat completions refuse
    async with laboratory(monkeypatch, looks, faults, tools=[LOOK], provider="openai", reasons=True) as lab:
        assert [await lab.ask("one"), await lab.ask("another")] == ["seen", "seen"]
        assert not lab.heard(Fallback)
        assert [path for path in lab.server.paths if "chat" in path] == ["/v1/chat/completions"], "then it is known"
        assert lab.server.seen[-1].system == "You are tested." and lab.heard(Thought)[0].prompt_tokens > 0


async def test_behind_a_gateway_without_responses_it_is_asked_not_to_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    async with laboratory(monkeypatch, looks, tools=[LOOK], provider="openai", reasons=True, gateway=True) as lab:
        assert [await lab.ask("one"), await lab.ask("another")] == ["seen", "seen"]
        assert not lab.heard(Fallback) and [cost.retries for cost in lab.heard(Thought)] == [0, 0]
        assert len([path for path in lab.server.paths if "responses" in path]) == 1


@pytest.mark.parametrize("provider", ["vllm", "openai"])
async def test_what_is_meant_for_openai_goes_to_openai_alone(monkeypatch: pytest.MonkeyPatch, provider: str) -> None:
    monkeypatch.setenv("OPENAI_ORG_ID", "org-secret")
    monkeypatch.setenv("OPENAI_PROJECT_ID", "proj-secret")
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "X-Gateway-Key: secret")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    async with laboratory(monkeypatch, looks, tools=[LOOK], provider=provider) as lab:
        monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
        assert await lab.ask() == "seen"
        assert all(("secret" in str(headers)) == (provider == "openai") for headers in lab.server.headers)
        assert os.environ["OPENAI_ORG_ID"] == "org-secret"


@pytest.mark.parametrize("provider", ["openai", "anthropic"])
async def test_a_reply_that_does_not_come_is_waited_for_twice_and_counted(
    monkeypatch: pytest.MonkeyPatch, provider: str
) -> None:
    monkeypatch.setattr(client, "SECONDS", 0.2)
    async with laboratory(monkeypatch, looks, Faults(kinds=["slow"], slow_seconds=0.6), provider=provider) as lab:
        assert await lab.ask("what now? " + "x" * 4_000) == "by the playbook"
        (cost,) = lab.heard(Thought)
        assert (cost.calls, cost.retries) == (0, 1) and cost.prompt_tokens > 2_000
        assert "(2 tries)" in lab.heard(Fallback)[0].reason
