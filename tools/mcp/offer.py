"""What of a server's words becomes a tool, and why the rest does not.

A name, a description and a schema come from a stranger, and a model reads them before it has asked for anything. So a
tool is offered only if the user has named it; under a name that is no other tool's; with a description that is marked
as the server's own words; and unchanged for as long as the run lasts.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, RootModel
from pydantic_core import to_json

from protocol.mcp import OfferedTool
from protocol.message import message_id
from tools.mcp.config import MOST_SECONDS
from tools.mcp.schema import BadSchema, plain, rebuilt
from tools.mcp.session import MARGIN_SECONDS, Session
from tools.tool import Desk, Tool, untrusted

BETWEEN = "__"
"""`lab__list_runs`: no tool of ours has it in its name."""
ABOUT = 600
"""Characters of a description."""
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")


@dataclass(frozen=True)
class Offer:
    """The tools of a server that a role is offered."""

    tools: tuple[Tool, ...]
    pinned: tuple[OfferedTool, ...]
    refused: tuple[str, ...]


def offer(session: Session, taken: Collection[str], pins: Mapping[str, str]) -> Offer:
    """`taken`: names of the crew's own tools; `pins`: name → digest, of what was offered before in this run."""
    server = session.server
    there: dict[str, dict[str, Any]] = {}
    for one in session.listed.tools:
        there.setdefault(str(one.get("name")), one)
    tools: list[Tool] = []
    pinned: list[OfferedTool] = []
    refused: list[str] = []
    for name in dict.fromkeys(server.tools):
        called = f"{server.name}{BETWEEN}{name}"
        if name not in there:
            refused.append(f"{name}: the server has no such tool")
        elif name in taken or called in taken:
            refused.append(f"{name}: that is a tool of the crew's own")
        elif _NAME.fullmatch(called) is None:
            refused.append(f"{plain(name, 80)}: no name that a model can call")
        else:
            try:
                tool, digest = _tool(session, name, called, there[name])
            except BadSchema as error:
                refused.append(f"{name}: {error}")
                continue
            if pins.get(called, digest) != digest:
                refused.append(f"{name}: the server describes it otherwise than before in this run")
                continue
            tools.append(tool)
            pinned.append(OfferedTool(name=called, digest=digest))
    return Offer(tuple(tools), tuple(pinned), tuple(refused))


def _tool(session: Session, name: str, called: str, said: Mapping[str, Any]) -> tuple[Tool, str]:
    """The tool, and a digest of what the server says of it. Raises `BadSchema`."""
    server, parameters = session.server, said.get("parameters") or {}
    schema = rebuilt(parameters.get("properties") or {}, parameters.get("required"))
    words = plain(said.get("description") or "nothing", ABOUT)
    source = f"MCP server {server.name}"
    about = f"A tool of the MCP server {server.name}, which says of it:\n{untrusted(words, source)}"

    async def run(given: RootModel[dict[str, Any]], desk: Desk) -> str:
        return await session.call(name, given.root)

    seconds = min(server.seconds, MOST_SECONDS) + 2 * MARGIN_SECONDS
    tool = Tool(called, about, _arguments(schema), run, seconds=seconds, outside=True)
    return tool, message_id(words, to_json(schema).decode())


def _arguments(schema: dict[str, Any]) -> type[BaseModel]:
    """An object; the server judges what is in it, the model sees what the server wants."""

    class Given(RootModel[dict[str, Any]]):
        @classmethod
        def __get_pydantic_json_schema__(cls, core: Any, handler: Any) -> dict[str, Any]:
            return schema

    return Given
