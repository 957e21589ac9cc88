"""What every message has in common: frozen, strict, and tagged by `type`. Used by each message family."""

from __future__ import annotations

import hashlib

from pydantic import BaseModel, ConfigDict


class Part(BaseModel):
    """A piece of a message: immutable, and refuses fields it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="constants")


class Message(Part):
    """Base of everything that can be said. Each subclass declares `type: Literal["…"]`."""

    type: str

    def headline(self) -> str:
        """One line for people: what this message says. Families override it."""
        return self.type.replace("_", " ")


def message_id(*parts: object) -> str:
    """A deterministic id of 24 hex digits: the same parts give the same id, on any machine.

    It is what makes repeats harmless: a node that runs again asks under the id it used before.
    """
    text = "\x1f".join(str(part) for part in parts)
    return hashlib.sha256(text.encode()).hexdigest()[:24]
