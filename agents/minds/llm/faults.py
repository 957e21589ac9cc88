"""What can go wrong between a mind and its model's provider, sorted by what to do about it."""

from __future__ import annotations

import re
from email.utils import parsedate_to_datetime
from enum import Enum
from time import time

from protocol.errors import PostdocsError

_OVERFLOW = re.compile(
    r"context.{0,20}(length|window|size)|prompt is too long|too many (input )?tokens|maximum.{0,20}tokens|"
    r"exceed.{0,30}(context|token)|tokens?`? .{0,40}must be <=",
    re.IGNORECASE,
)
_SPENT = re.compile(r"insufficient_quota|credit balance|billing|exceeded your (current )?quota|payment", re.IGNORECASE)
_NO_REASONING = re.compile(
    r"reasoning_effort.{0,60}not supported|reasoning_effort.{0,20}'none'", re.IGNORECASE | re.DOTALL
)


class Remedy(Enum):
    """What to do about a failed call."""

    WAIT = "wait"
    """Ask again, later: a rate limit, an overloaded or broken server, a lost connection, a garbled reply."""
    SHORTEN = "shorten"
    """Ask again, with less."""
    GIVE_UP = "give up"
    """No repetition will mend it: a wrong key, an unknown model, no credit."""


class ModelFailed(PostdocsError):
    """The model gave no usable reply."""

    def __init__(self, model: str, reason: str) -> None:
        self.model, self.reason = model, reason
        super().__init__(f"{model}: {reason}")


class ContextOverflow(ModelFailed):
    """The request is longer than the model can read."""


def remedy(error: Exception) -> Remedy:
    """By status and text; what carries no status is a connection that broke or a reply that made no sense."""
    status, text = _status(error), str(error)
    if status is None:
        return Remedy.WAIT
    if status != 429 and _OVERFLOW.search(text):  # some local servers say so with a 500
        return Remedy.SHORTEN
    if status == 402 or (status == 429 and _SPENT.search(text)):
        return Remedy.GIVE_UP
    return Remedy.WAIT if status in (408, 409, 425, 429) or status >= 500 else Remedy.GIVE_UP


def retry_after(error: Exception) -> float | None:
    """Seconds that the server asks to wait (RFC 9110, section 10.2.3: seconds or a date), or None."""
    headers = getattr(getattr(error, "response", None), "headers", None) or {}
    told = headers.get("retry-after")
    if told is None:
        return None
    try:
        return max(0.0, float(told))
    except ValueError:
        try:
            return max(0.0, parsedate_to_datetime(told).timestamp() - time())
        except ValueError:
            return None


def timed_out(error: Exception) -> bool:
    """Whether the client no longer waited. The provider may have gone on, and bills what it made."""
    return type(error).__name__ == "APITimeoutError"  # OpenAI's and Anthropic's alike


def refuses_reasoning(error: Exception) -> bool:
    """OpenAI's chat completions take no function tools while a model reasons, which newer ones do unasked (gpt-5.4 and
    later: https://github.com/openai/openai-openapi/issues/541)."""
    return _status(error) == 400 and _NO_REASONING.search(str(error)) is not None


def reason(error: Exception) -> str:
    """One line for people."""
    status = _status(error)
    lines = str(error).strip().splitlines()
    text = f"{type(error).__name__}: {lines[0][:300] if lines else ''}".rstrip(": ")
    return f"HTTP {status}, {text}" if status is not None else text


def _status(error: Exception) -> int | None:
    status = getattr(error, "status_code", None)
    return status if isinstance(status, int) else None
