"""What a role's MCP servers have offered: said when it is new, so that the journal knows what a tool was when it was
first offered."""

from __future__ import annotations

from typing import Literal

from protocol.message import Message, Part


class OfferedTool(Part):
    """A tool of a server, as it was offered to a model."""

    name: str
    """By which the model calls it."""
    digest: str
    """Of its description and arguments (`message_id`)."""


class ServerTools(Message):
    """What a role may use of an MCP server, and what it may not."""

    type: Literal["server_tools"] = "server_tools"
    role: str
    server: str
    tools: tuple[OfferedTool, ...] = ()
    refused: tuple[str, ...] = ()
    """Tool and reason, of those that the user wanted to be offered."""
    fault: str = ""
    """Why the server cannot be used at all; empty when it can."""

    def headline(self) -> str:
        if self.fault:
            return f"the MCP server {self.server} cannot be used: {self.fault}"
        refused = f"; refused: {'; '.join(self.refused)}" if self.refused else ""
        return (
            f"the MCP server {self.server} offers {', '.join(tool.name for tool in self.tools) or 'nothing'}{refused}"
        )
