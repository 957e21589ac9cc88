"""Messages that a role brings along: any `Message` subclass whose `type` is not in the protocol, best with a dot in it.

    class PowerRequest(Message):
        type: Literal["statistician.power_request"] = "statistician.power_request"
        difference: float

On the bus it travels in a `Foreign`. Roles are asked with the class itself, and answer with one; `read` gives an asker
the class of the answer.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from pydantic import ValidationError

from protocol.errors import BadInput
from protocol.foreign import Foreign
from protocol.message import Message
from protocol.messages import KINDS

Kind = TypeVar("Kind", bound=Message)


def carrier(kind: type[Message]) -> type[Message]:
    """The class under which it goes over the bus."""
    return kind if KINDS.get(tag(kind)) is kind else Foreign


def carried(message: Message) -> Message:
    """The message as it goes over the bus."""
    if carrier(type(message)) is not Foreign or isinstance(message, Foreign):
        return message
    body = message.model_dump(mode="json", exclude={"type"})
    return Foreign(kind=tag(type(message)), line=message.headline(), body=body)


def read(message: Message, kinds: Iterable[type[Kind]]) -> Message:
    """A message as it came, or, if it was carried, as one of these. Raises `BadInput` where it is none of them."""
    if not isinstance(message, Foreign):
        return message
    known = {tag(kind): kind for kind in kinds}
    if message.kind not in known:
        raise BadInput(f"{message.kind!r} is not known here: {', '.join(known) or 'nothing'} is")
    try:
        return known[message.kind].model_validate(message.body)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "body"
        raise BadInput(f"{message.kind}: {where} is {first['input']!r}: {first['msg']}") from error


def tag(kind: type[Message]) -> str:
    return str(kind.model_fields["type"].default)
