"""Messages that roles of others bring along: carried as JSON, since the union of messages is closed.

Who asks and who answers validate the body with a model that both know; to everybody else it is a line in the dialogue.
"""

from __future__ import annotations

from typing import Literal

from pydantic import JsonValue

from protocol.message import Message


class Foreign(Message):
    """A message of a type that is not in the protocol."""

    type: Literal["foreign"] = "foreign"
    kind: str
    """The `type` of the message carried: `statistician.power_request`."""
    line: str = ""
    """Its headline."""
    body: dict[str, JsonValue]

    def headline(self) -> str:
        return self.line or self.kind
