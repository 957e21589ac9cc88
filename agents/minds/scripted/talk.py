"""What a script sees of a conversation, and what it can reply."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Call:
    """Call a tool with these arguments."""

    tool: str
    arguments: Mapping[str, Any] = field(default_factory=dict)


Reply = str | Call | list[Call]


@dataclass(frozen=True)
class Conversation:
    """One request to the model: all messages so far, and the tools that it may call."""

    messages: list[dict[str, Any]]
    tools: dict[str, dict[str, Any]]
    """Name → JSON Schema of its arguments."""

    @property
    def system(self) -> str:
        return "\n".join(str(message["content"]) for message in self.messages if message["role"] == "system")

    @property
    def question(self) -> str:
        """The first thing that was asked."""
        return next((str(message["content"]) for message in self.messages if message["role"] == "user"), "")

    @property
    def results(self) -> list[str]:
        """What the tools have answered, in order."""
        return [str(message["content"]) for message in self.messages if message["role"] == "tool"]

    @property
    def called(self) -> list[Call]:
        """The calls made so far, in order."""
        return [
            Call(call["function"]["name"], json.loads(call["function"]["arguments"] or "{}"))
            for message in self.messages
            for call in message.get("tool_calls") or ()
        ]


Script = Callable[[Conversation], Reply]
