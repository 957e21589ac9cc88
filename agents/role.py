"""What a role is: a name, what it is asked, and a playbook that answers. Role packages define one `ROLE` each."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from protocol.message import Message
from tools.tool import Tool

if TYPE_CHECKING:
    from agents.form import Form

Ask = Callable[[str, Message], Awaitable[Message]]
"""Ask another role or service by name, as part of one's own work; the answer's type is the asker's to check."""
Answer = Callable[[Any, Ask], Awaitable[Message]]
"""One entry of a playbook: (request, ask) → reply. `Any` because each takes the request type it is entered under."""


@dataclass(frozen=True, kw_only=True)
class Role:
    """A member of the crew."""

    name: str
    """Its name on the bus and in the dialogue: lower-case letters, digits, `_`."""
    about: str
    """One line: what it is for."""
    after: str | None = None
    """Where it stands: the step of a run (`curator`, `critic`, …) or the role after which it is asked, with an
    `AdviceRequest`. None: on call, it speaks when another role asks it."""
    playbook: Mapping[type[Message], Answer] = field(default_factory=dict)
    """Request type → how it is answered without a language model: by rules, statistics and search."""
    prompt: str = ""
    """Who it is and how it works, for a language model: the same text at every request, for the provider's cache."""
    forms: Mapping[type[Message], Form] = field(default_factory=dict)
    """Request type → what a language model fills in to answer it; the playbook answers the other types."""
    tools: tuple[Tool, ...] = ()
    """What a language model may use, as far as a form names it."""

    @property
    def answers(self) -> tuple[type[Message], ...]:
        return tuple(self.playbook)
