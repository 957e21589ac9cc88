"""What the model's server has counted, turn by turn."""

from __future__ import annotations

import re
from dataclasses import dataclass

from agents.minds.scripted import Conversation, ScriptedServer

ASKED = {
    "techniques": "review",
    "hypothesis": "propose",
    "order": "schedule",
    "verdict": "critique",
    "remedy": "diagnose",
}
"""Field of a form → what it answers."""


@dataclass(frozen=True)
class Turn:
    """One answer of a role: all that its model has read and written for it."""

    role: str
    asked: str
    tokens: int


def turns_of(server: ScriptedServer, after: int) -> list[Turn]:
    """The turns since the server had answered `after` times. One begins with a conversation that has no reply yet."""
    found: list[Turn] = []
    for talk, tokens in list(zip(server.seen, server.billed, strict=True))[after:]:
        begins = not any(message["role"] == "assistant" for message in talk.messages)
        before = 0 if begins else found.pop().tokens
        found.append(Turn(_role(talk), _asked(talk), before + tokens))
    return found


def _role(talk: Conversation) -> str:
    named = re.search(r"# You are the ([\w ]+)", talk.system)
    return named[1].split()[-1].lower() if named else "unknown"


def _asked(talk: Conversation) -> str:
    """Told by a field of the form that is to be submitted."""
    fields = talk.tools["submit"]["properties"]
    return next((asked for field, asked in ASKED.items() if field in fields), "talk")
