"""What a session and its process tell each other: a line of JSON each."""

from __future__ import annotations

from typing import Any

from protocol.message import Part


class Start(Part):
    """To the process, first: which server to speak to. The tokens are in here, not in the process's environment."""

    command: str | None = None
    args: tuple[str, ...] = ()
    env: dict[str, str] = {}
    url: str | None = None
    headers: dict[str, str] = {}
    seconds: float
    """Within which a call must be answered, …"""
    start_seconds: float
    """… and the server must have said what it offers."""


class Call(Part):
    """To the process: use a tool."""

    number: int
    tool: str
    arguments: dict[str, Any]


class Listed(Part):
    """From the process, first: what the server offers, or why it cannot be spoken to."""

    tools: tuple[dict[str, Any], ...] = ()
    """`name`, `description`, `parameters`, as the server has them."""
    fault: str = ""


class Result(Part):
    """From the process: what a call came to."""

    number: int
    text: str
    failed: bool = False
    dead: bool = False
    """The server does not answer any more."""
