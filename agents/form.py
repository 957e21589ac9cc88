"""What a language model fills in to answer one type of request, and how that becomes the role's reply.

The form is the schema of the `submit` tool. It asks only for what is the mind's to decide; what follows from the
request (ids, paths, limits) is put in by `complete`, and so cannot be got wrong.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from agents.role import Ask
from protocol.message import Message, Part


class BadForm(ValueError):
    """A submitted form that cannot become a reply; the text tells the model what to mend."""


class Unfit(BadForm):
    """What was submitted was tried, and does not work; the text tells what was found.

    Apart from forms that are wrong: to mend a script takes more tries than to fill in a form.
    """


@dataclass(frozen=True)
class Form:
    """How one type of request is answered by a language model."""

    fields: type[Part]
    tell: Callable[[Any], str]
    """The request in words, self-contained and of bounded size."""
    complete: Callable[[Any, Any, Ask], Awaitable[Message]]
    """(request, filled form, ask) → the reply. Raises `BadForm`."""
    tools: tuple[str, ...] = ()
    """Names of the role's tools that may be used for it."""
