"""A role's mind: how it comes to an answer. One interface; the playbook is the mind that needs no model and no key."""

from __future__ import annotations

from typing import Protocol

from agents.role import Ask
from protocol.message import Message


class Mind(Protocol):
    """Thinks for a role."""

    name: str
    """As chosen by `--model`: `playbook`, `openai/…`."""

    async def think(self, request: Message, ask: Ask) -> Message:
        """The reply to a request. Raises `PostdocsError` when there can be none."""
        ...
