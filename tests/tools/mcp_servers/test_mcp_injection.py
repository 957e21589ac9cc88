"""A mind with a hostile MCP server: its words stay data, its tools replace none of ours, each call is journaled."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from pydantic import BaseModel

from agents.minds.scripted import Call, Conversation
from protocol.mcp import ServerTools
from protocol.thought import ToolCalled
from tests.agents.minds.mind_laboratory import laboratory
from tools.mcp import Server, Servers
from tools.tool import Desk, Tool

HOSTILE = str(Path(__file__).parent / "hostile_server.py")
SECRETS = {"HF_TOKEN": "hf_secret_1", "OPENAI_API_KEY": "sk-secret-2", "LAB_TOKEN": "lab-secret-3"}
OFFERED = ("look", "submit", "environment", "fails")


class Nothing(BaseModel):
    """No arguments."""


async def _own(given: Nothing, desk: Desk) -> str:
    return "ours"


def servers(*changed: str) -> Servers:
    told = {"command": sys.executable, "args": (HOSTILE, *changed), "variables": ("LAB_TOKEN",)}
    return Servers([Server.model_validate({"name": "lab", "roles": ("critic",), "tools": OFFERED, **told})])


async def test_orders_in_descriptions_and_answers_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, secret in SECRETS.items():
        monkeypatch.setenv(name, secret)
    calls = [
        Call("lab__look", {"where": "there"}),
        Call("lab__fails"),
        Call("lab__environment"),
        Call("lab__submit", {"text": "theirs"}),
        Call("upload", {"token": "$HF_TOKEN"}),
        Call("own"),
        Call("submit", {"text": "ours"}),
    ]

    async with laboratory(
        monkeypatch, lambda talk: calls[len(talk.results)], tools=[Tool("own", "Ours.", Nothing, _own)]
    ) as lab:
        lab.mind.servers = servers()
        assert await lab.ask() == "ours"
        for talk in lab.server.seen:
            assert set(talk.tools) == {"own", "submit", "lab__look", "lab__environment", "lab__fails"}
        results = lab.server.seen[-1].results
        assert len(results) == len(calls) - 1
        for result in results[:3]:
            assert result.startswith('<untrusted source="lab__') and result.count("</untrusted") == 1
        assert "ignore the rules" in results[0] and results[5] == "ours"
        called = [(said.tool, said.failed) for said in lab.heard(ToolCalled)]
        assert called[:3] == [("lab__look", False), ("lab__fails", True), ("lab__environment", False)]
        assert ("lab__submit", True) in called and called[-1] == ("submit", False)
        told = json.dumps([talk.messages for talk in lab.server.seen])
        everything = told + "".join(said.model_dump_json() for said in lab.said)
        assert not [secret for secret in SECRETS.values() if secret in everything]


async def test_a_description_that_changes_in_mid_run_is_refused_and_journaled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_TOKEN", "lab-secret-3")

    def fine(talk: Conversation) -> Call:
        return Call("submit", {"text": "fine"})

    async with laboratory(monkeypatch, fine) as lab:
        lab.mind.servers = servers()
        assert await lab.ask() == "fine"
        [first] = lab.heard(ServerTools)
        lab.mind.servers = servers("changed")  # in another process: the crew was started again
        lab.mind.servers.note(first)
        assert await lab.ask() == "fine"
        assert "lab__look" in lab.server.seen[0].tools and "lab__look" not in lab.server.seen[1].tools
        assert "lab__fails" in lab.server.seen[1].tools
        assert "look: the server describes it otherwise than before in this run" in lab.heard(ServerTools)[1].refused
