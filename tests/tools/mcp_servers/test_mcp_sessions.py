"""Real MCP servers, by their own library: useful ones, and ones that are absent, silent, greedy, curious, or die."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from web_server import WebServer

from protocol.mcp import ServerTools
from protocol.message import Message
from tests.tools.outside_world import use
from tools.mcp.config import Server
from tools.mcp.servers import Servers
from tools.mcp.session import MOST_BYTES, Session
from tools.tool import Tool, ToolFault

HOSTILE = str(Path(__file__).parent / "hostile_server.py")
TOOLS = ("look", "submit", "environment", "fails", "hangs", "chatters", "image", "dies")
SECRET = 'lab-"secret"-1'


def hostile(**changes: Any) -> Server:
    told: dict[str, Any] = {"name": "lab", "command": sys.executable, "args": (HOSTILE,), "roles": ("critic",)}
    return Server.model_validate(told | {"tools": TOOLS} | changes)


class Said(list[Message]):
    async def __call__(self, message: Message) -> None:
        self.append(message)

    def of(self, server: str) -> ServerTools:
        [found] = [one for one in self if isinstance(one, ServerTools) and one.server == server]
        return found


def programs() -> list[psutil.Process]:
    """Of ours, and of the servers."""
    found = psutil.Process().children(recursive=True)
    return [one for one in found if any(word in " ".join(one.cmdline()) for word in ("tools.mcp.child", HOSTILE))]


async def test_a_program_is_spoken_to_and_gone_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_TOKEN", SECRET)
    monkeypatch.setenv("HF_TOKEN", "hf_not_for_it")
    said = Said()
    async with Servers([hostile(variables=("LAB_TOKEN",), env={"MODE": "quiet"})]).tools(
        "critic", {"submit"}, said
    ) as found:
        tools: dict[str, Tool] = {tool.name.removeprefix("lab__"): tool for tool in found}
        assert set(tools) == set(TOOLS) - {"submit"}
        assert said.of("lab").refused == ("submit: that is a tool of the crew's own",)
        assert (await use(tools["look"], where="there", title="x")).startswith("seen there: IMPORTANT")
        got = json.loads(await use(tools["environment"]))
        assert got["MODE"] == "quiet" and got["LAB_TOKEN"] == "[hidden]", "it is given, and does not come back"
        assert not {"HF_TOKEN", "PYTHONPATH", "POSTDOCS_MCP"} & set(got) and "hf_not_for_it" not in str(got)
        with pytest.raises(ToolFault, match=r"look failed: [^\0]*Field required"):
            await use(tools["look"], nothing=1)
        with pytest.raises(ToolFault, match=r"fails failed: .*no such run"):
            await use(tools["fails"])
        assert await use(tools["image"]) == "[an image]"
        assert len(await use(tools["chatters"])) == 100_000
        with pytest.raises(ToolFault, match="send less"):
            await use(tools["look"], where="x" * MOST_BYTES)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await use(tools["hangs"])
        assert len(programs()) == 2
    assert programs() == []
    with pytest.raises(ToolFault, match="the MCP server lab does not answer any more"):
        await use(tools["look"], where="there")


async def test_a_program_that_dies_is_said_once_and_at_once_from_then_on() -> None:
    async with Servers([hostile()]).tools("critic", (), Said()) as found:
        tools = {tool.name: tool for tool in found}
        for name in ("lab__dies", "lab__look"):
            with pytest.raises(ToolFault, match="does not answer any more: go on without its tools"):
                await use(tools[name], where="there")
    assert programs() == []


async def test_servers_that_cannot_be_used_are_journaled_once_and_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LAB_TOKEN", raising=False)
    silent = {"name": "silent", "args": ("-c", "import time; time.sleep(3600)"), "seconds": 0.5}
    garbled = {
        "name": "garbled",
        "args": ("-c", "print('obey me ' * 9999); import time; time.sleep(3600)"),
        "seconds": 0.5,
    }
    servers = Servers(
        [
            hostile(name="absent", command="no-such-program-anywhere"),
            hostile(**silent),
            hostile(**garbled),
            hostile(name="ends", args=("-c", "")),
            hostile(name="poor", variables=("LAB_TOKEN",)),
            Server(name="nowhere", url="http://127.0.0.1:9/mcp", roles=("critic",), tools=("x",), seconds=5),
            hostile(name="others", roles=("engineer",)),
        ]
    )
    said = Said()
    for _ in range(2):
        async with servers.tools("critic", (), said) as found:
            assert found == []
    assert programs() == []
    assert {one.server for one in said if isinstance(one, ServerTools)} == {
        "absent",
        "silent",
        "garbled",
        "ends",
        "poor",
        "nowhere",
    }
    assert "FileNotFoundError" in said.of("absent").fault and "LAB_TOKEN is not set" in said.of("poor").fault
    assert all(0 < len(one.fault) <= 300 for one in said if isinstance(one, ServerTools)) and len(said) == 6


async def test_a_turn_is_not_spent_on_a_server_that_does_not_start() -> None:
    silent = hostile(name="silent", args=("-c", "import time; time.sleep(3600)"), seconds=300)
    said = Said()
    async with Servers([silent]).tools("critic", (), said, seconds_left=2.0) as found:
        assert found == []
    assert said.of("silent").fault
    assert programs() == []


async def test_a_turn_that_is_ended_leaves_no_program() -> None:
    started = asyncio.Event()

    async def turn() -> None:
        async with Servers([hostile()]).tools("critic", (), Said()):
            started.set()
            await asyncio.sleep(3600)

    task = asyncio.create_task(turn())
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert programs() == []


async def test_a_config_that_is_broken_by_now_is_journaled_and_ends_nothing() -> None:
    said = Said()
    async with Servers(fault="the MCP config cannot be read").tools("critic", (), said) as found:
        assert found == []
    assert said.of("(config)").fault == "the MCP config cannot be read"


@pytest.fixture
def elsewhere() -> Iterator[WebServer]:
    with WebServer().running() as server:
        yield server


async def test_a_token_goes_to_its_own_server_and_to_no_other(
    monkeypatch: pytest.MonkeyPatch, elsewhere: WebServer
) -> None:
    monkeypatch.setenv("LAB_TOKEN", "lab-secret-1")
    monkeypatch.setenv("OTHER_TOKEN", "other-secret-2")
    given: dict[str, Any] = {"roles": ("critic",), "tools": ("list_runs",), "seconds": 20}
    with WebServer("lab-secret-1", elsewhere.url).running() as web:
        servers = Servers(
            [
                Server(name="lab", url=f"{web.url}/mcp", token="LAB_TOKEN", headers={"X-Crew": "mine"}, **given),
                Server(name="wrong", url=f"{web.url}/mcp", token="OTHER_TOKEN", **given),
                Server(name="moved", url=f"{web.url}/moved", token="LAB_TOKEN", **given),
            ]
        )
        said = Said()
        async with servers.tools("critic", (), said) as found:
            [tool] = found
            assert tool.name == "lab__list_runs" and await use(tool, query="mine") == "runs like mine"
    assert elsewhere.asked == [], "nothing follows a redirect to another host, with a token or without"
    assert "401" in said.of("wrong").fault and said.of("moved").fault and "secret" not in str(said)
    asked = [headers for headers in web.asked if headers.get("x-crew") == "mine"]
    assert asked and all(headers["authorization"] == "Bearer lab-secret-1" for headers in asked)
    assert not [headers for headers in web.asked if "lab-secret-1" in str(headers) and "other-secret-2" in str(headers)]


async def test_a_server_of_the_web_that_goes_away_is_a_fault_of_its_tool() -> None:
    with WebServer().running() as web:
        server = Server(name="lab", url=f"{web.url}/mcp", roles=("critic",), tools=("list_runs",), seconds=1)
        session = Session(server)
        assert (await session.start(20)).fault == ""
    try:
        with pytest.raises(ToolFault):
            await session.call("list_runs", {"query": "x"})
    finally:
        await session.stop()


@pytest.mark.parametrize("query", ["u=web-secret-1&v=a b", "u=1"])
async def test_what_an_address_asks_with_is_not_told(query: str) -> None:
    given: dict[str, Any] = {"roles": ("critic",), "tools": ("list_runs",), "seconds": 20}
    with WebServer("needed").running() as web:
        said = Said()
        async with Servers([Server(name="lab", url=f"{web.url}/mcp?{query}", **given)]).tools("critic", (), said):
            pass
    assert web.asked and "401" in said.of("lab").fault
    assert f"{web.url}/mcp" in said.of("lab").fault and "u=" not in str(said)


async def test_a_server_that_says_back_what_its_address_asks_with_is_not_heard() -> None:
    server = Server(name="lab", url="http://lab/mcp?u=web-secret-1", roles=("critic",), tools=("list_runs",))
    assert Session(server)._plain(b'{"text": "you asked with u=web-secret-1"}') == '{"text": "you asked with [hidden]"}'
