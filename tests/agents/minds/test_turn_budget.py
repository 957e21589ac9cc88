"""A mind knows what it has left, is told when that is little, and can submit when nothing else is left."""

from __future__ import annotations

import pytest
from mind_laboratory import laboratory
from pydantic import BaseModel

from agents.minds.llm.limits import Allowance, Limit, Limits
from agents.minds.scripted import Call, Conversation
from agents.minds.scripted.talk import Reply
from protocol.thought import Fallback, Thought, ToolCalled
from tools.tool import Desk, Tool


class Page(BaseModel):
    number: int


async def _read(given: Page, desk: Desk) -> str:
    return f"page {given.number}" + "." * 400


READ = Tool("read", "Reads a page.", Page, _read)


def reads_until_told(talk: Conversation) -> Reply:
    """Uses its tool as long as it is offered."""
    return Call("read", {"number": len(talk.results)}) if "read" in talk.tools else Call("submit", {"text": "read"})


def told(talk: Conversation) -> list[str]:
    """What the crew has said after the request."""
    return [str(message["content"]) for message in talk.messages if message["role"] == "user"][1:]


async def test_a_request_ends_with_what_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    limits = Limits(run=Limit("the run", Allowance(usd=3.5)), turn_allowance=Allowance(tokens=5000, tool_calls=7))
    async with laboratory(monkeypatch, lambda talk: Call("submit", {"text": "fine"}), limits=limits) as lab:
        assert await lab.ask("what now?") == "fine"
        left = "You have left: 7 tool calls, 5,000 tokens, 3.50 US dollars."
        assert lab.server.seen[0].question == f"what now?\n{left}"


async def test_near_the_end_it_is_told_to_submit_and_at_the_end_it_can_do_nothing_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    limits = Limits(turn_allowance=Allowance(tool_calls=8))
    async with laboratory(monkeypatch, reads_until_told, tools=[READ], limits=limits) as lab:
        assert await lab.ask() == "read" and not lab.heard(Fallback)
        assert [list(talk.tools) for talk in lab.server.seen] == [["read", "submit"]] * 8 + [["submit"]]
        words = told(lab.server.seen[-1])
        assert words[0].startswith("You have left: 5 tool calls. Call `submit` now") and len(words) == 6
        assert words[-1].startswith("Nothing more is left for tools (tool calls). Call `submit`")
        assert lab.heard(Thought)[0].tool_calls == 8


async def test_of_several_calls_at_once_those_beyond_the_limit_are_not_made(monkeypatch: pytest.MonkeyPatch) -> None:
    def script(talk: Conversation) -> Reply:
        several = [Call("read", {"number": number}) for number in range(8)]
        return several if not talk.results else Call("submit", {"text": "read"})

    limits = Limits(turn_allowance=Allowance(tool_calls=2))
    async with laboratory(monkeypatch, script, tools=[READ], limits=limits) as lab:
        assert await lab.ask() == "read", "neither lost nor a circle"
        made = [call.result.startswith("page") for call in lab.heard(ToolCalled) if call.tool == "read"]
        assert sorted(made) == [False] * 6 + [True] * 2 and limits.of("critic").tool_calls == 2


async def test_a_form_that_is_refused_at_the_end_can_be_mended(monkeypatch: pytest.MonkeyPatch) -> None:
    def script(talk: Conversation) -> Reply:
        if len(talk.results) < 2:
            return Call("read", {"number": len(talk.results)})
        return Call("submit", {"text": "good" if len(talk.results) > 2 else "bad"})

    limits = Limits(turn_allowance=Allowance(tool_calls=2))
    async with laboratory(monkeypatch, script, tools=[READ], limits=limits) as lab:
        assert await lab.ask() == "good"


@pytest.mark.parametrize("reply", [Call("read", {"number": 9}), "I would rather read on."])
async def test_who_does_not_submit_then_is_replaced_by_the_playbook(
    monkeypatch: pytest.MonkeyPatch, reply: Reply
) -> None:
    def script(talk: Conversation) -> Reply:
        return reads_until_told(talk) if "read" in talk.tools else reply

    limits = Limits(turn_allowance=Allowance(tool_calls=2))
    async with laboratory(monkeypatch, script, tools=[READ], limits=limits) as lab:
        assert await lab.ask() == "by the playbook"
        assert lab.heard(Fallback)[0].reason == "critic has used 2 of 2 tool calls" and len(lab.server.seen) == 3


@pytest.mark.parametrize("allowance", [3_000, 5_000, 7_000, 9_000, 12_000])
async def test_the_last_tokens_are_kept_for_the_answer(monkeypatch: pytest.MonkeyPatch, allowance: int) -> None:
    limits = Limits(turn_allowance=Allowance(tokens=allowance))
    async with laboratory(monkeypatch, reads_until_told, tools=[READ], limits=limits) as lab:
        assert await lab.ask() == "read" and not lab.heard(Fallback)
        assert allowance / 3 < sum(lab.server.billed) <= allowance
        assert "(tokens)" in told(lab.server.seen[-1])[-1] and len(lab.server.seen) > 2


async def test_tool_calls_that_others_have_used_up_leave_the_playbook(monkeypatch: pytest.MonkeyPatch) -> None:
    limits = Limits(run=Limit("the run", Allowance(tool_calls=3), tool_calls=3))
    async with laboratory(monkeypatch, reads_until_told, tools=[READ], limits=limits) as lab:
        assert await lab.ask() == "by the playbook" and not lab.server.seen
        assert lab.heard(Fallback)[0].reason == "the run has used 3 of 3 tool calls"


async def test_a_role_that_may_use_no_tools_thinks_without(monkeypatch: pytest.MonkeyPatch) -> None:
    limits = Limits(run=Limit("the run", Allowance(tool_calls=3)), role=Allowance(tool_calls=0))
    async with laboratory(monkeypatch, reads_until_told, tools=[READ], limits=limits) as lab:
        assert await lab.ask() == "read" and [list(talk.tools) for talk in lab.server.seen] == [["submit"]]


async def test_an_answer_that_is_tried_for_too_long_ends_with_the_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    limits = Limits(turn_allowance=Allowance(seconds=0.5))
    async with laboratory(monkeypatch, lambda talk: Call("submit", {"text": "slow"}), limits=limits) as lab:
        assert await lab.ask() == "by the playbook"
        (tried,) = lab.heard(ToolCalled)
        assert tried.failed and tried.result == "trying your answer took longer than the 0 s that were left"
        assert "of 0.5 seconds" in lab.heard(Fallback)[0].reason


async def test_the_reply_that_passes_a_limit_is_paid_for_and_counts_where_it_is_the_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    limits = Limits(turn_allowance=Allowance(tokens=10))
    async with laboratory(monkeypatch, lambda talk: Call("submit", {"text": "fine"}), limits=limits) as lab:
        assert await lab.ask() == "fine" and not lab.heard(Fallback)
        assert lab.heard(Thought)[0].prompt_tokens > 10
