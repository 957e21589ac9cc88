"""A role's mind: how it comes to an answer. One interface; the playbook is the mind that needs no model and no key."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from agents.role import Ask
from protocol.message import Message

Say = Callable[[Message], Awaitable[None]]
"""Put something into the journal on the way to an answer."""


@dataclass(frozen=True)
class Turn:
    """One question to a role, and whom it may turn to for its answer."""

    run: str
    ask: Ask
    say: Say


class Mind(Protocol):
    """Thinks for a role."""

    name: str
    """As chosen by `--model`: `playbook`, `openai/…`."""

    async def think(self, request: Message, turn: Turn) -> Message:
        """The reply to a request. Raises `PostdocsError` when there can be none."""
        ...
