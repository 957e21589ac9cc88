"""What a tool is: a typed function that a mind may call, bounded in time and size, and honest about where its words
come from. Each role names its own tools; whoever runs a mind offers it no others.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from protocol.message import Message

SECONDS = 60.0
CHARACTERS = 12_000
"""About 3,000 tokens: a page to read, not a book."""
_MARK = re.compile(r"<(\s*/?\s*untrusted)", re.IGNORECASE)
"""What a model might take for the end of the mark, or for another that is still open after it."""


class ToolFault(Exception):
    """A tool could not do what it was asked; the text tells the mind what was wrong and what it can do instead."""


async def _unsaid(message: Message) -> None:
    """Where there is no journal."""


@dataclass(frozen=True)
class Desk:
    """What a tool may work with: the request that is being answered, the run's folder, and the other services."""

    request: Message
    folder: Path
    task_folder: Path
    ask: Callable[[str, Message], Awaitable[Message]]
    say: Callable[[Message], Awaitable[None]] = _unsaid
    """Puts something into the journal."""
    role: str = ""
    model: str = ""
    """Who uses the tool, and thinks with what: for what is to be told of it later."""


@dataclass(frozen=True)
class Tool:
    """One tool. `run` gets its arguments, validated, and the desk; it raises `ToolFault` for what the mind can mend."""

    name: str
    about: str
    """What it does, what it gives, when to use it: all that a model knows of it."""
    arguments: type[BaseModel]
    run: Callable[[Any, Desk], Awaitable[str]]
    seconds: float = SECONDS
    characters: int = CHARACTERS
    outside: bool = False
    """Whether it brings words of strangers, which are then marked as such."""


def cut(text: str, characters: int) -> str:
    """The text, or its beginning with a note of how much is missing."""
    if len(text) <= characters:
        return text
    return f"{text[:characters]}\n[cut: {len(text) - characters:,} more characters; ask for less, or for a later part]"


def untrusted(text: str, source: str, *, inline: bool = False) -> str:
    """Marked as data: nothing in it is an instruction, or can close the mark or open another. `inline`: in one line."""
    safe, end = _MARK.sub(r"<\\\1", text), "" if inline else "\n"
    return f'<untrusted source="{source}">{end}{" ".join(safe.split()) if inline else safe}{end}</untrusted>'
