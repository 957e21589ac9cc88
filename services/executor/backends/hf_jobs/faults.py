"""What the Hub's refusals mean, and what to do about them. Used around every call of `huggingface_hub`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

import httpx2
from hf_xet import XetAuthenticationError, XetObjectNotFoundError
from huggingface_hub.errors import HfHubHTTPError, LocalTokenNotFoundError

from services.executor.backends.backend import BackendFailed

Answer = TypeVar("Answer")
FAULTS = (
    HfHubHTTPError,
    httpx2.HTTPError,
    LocalTokenNotFoundError,
    XetAuthenticationError,
    XetObjectNotFoundError,
    ConnectionError,
    TimeoutError,
)
TRIES = 4
PAUSE = 1.0
"""Seconds before the second try; doubled for each further one."""
LONGEST_PAUSE = 60.0
SIGN_IN = "sign in with `hf auth login`, or set HF_TOKEN to a token that may write and run jobs"
MEANS = {
    401: f"the token is missing or not valid: {SIGN_IN}",
    402: "the account has no credits left: add some at https://huggingface.co/settings/billing",
    403: f"the token may not do this: {SIGN_IN}",
}
BUSY = 429
AWAY = (408, 500, 502, 503, 504)


class Refused(BackendFailed):
    """The account may not do it, or cannot pay for it: for the user to mend, no use in trying again."""

    exit_code = 2


async def ask(what: str, call: Callable[[], Answer], *, once: bool = False) -> Answer:
    """The answer of a call to the Hub, made in a thread; repeated when the Hub is busy or away.

    With `once` it is repeated only when the Hub says that it did nothing (HTTP 429): for what must not be done twice.
    Raises `Refused` or `BackendFailed`, which say what could not be done, why, and how to mend it.
    """
    pause = PAUSE
    for attempt in range(1, TRIES + 1):
        try:
            return await asyncio.to_thread(call)
        except FAULTS as error:
            if attempt == TRIES or not _passing(error, once):
                raise fault(what, error) from error
            await asyncio.sleep(min(retry_after(error) or pause, LONGEST_PAUSE))
            pause *= 2
    raise AssertionError("the last try returns or raises")


def fault(what: str, error: Exception) -> BackendFailed:
    """The error as ours."""
    status = status_of(error)
    kind = Refused if status in MEANS or isinstance(error, LocalTokenNotFoundError) else BackendFailed
    return kind(f"Hugging Face Jobs: cannot {what}: {_meaning(error, status)}")


def status_of(error: BaseException) -> int | None:
    """HTTP status, where there was an answer at all."""
    return error.response.status_code if isinstance(error, HfHubHTTPError) else None


def retry_after(error: Exception) -> float | None:
    """Seconds that the server asks to wait, if it does (RFC 9110, section 10.2.3; dates are left to our own pause)."""
    said = error.response.headers.get("Retry-After", "") if isinstance(error, HfHubHTTPError) else ""
    return float(said) if said.isdigit() else None


def _meaning(error: Exception, status: int | None) -> str:
    """One clause, with the remedy where there is one."""
    if isinstance(error, LocalTokenNotFoundError):
        return f"there is no token: {SIGN_IN}"
    if status in MEANS:
        return f"{MEANS[status]} (HTTP {status})"
    if status == BUSY:
        return f"too many requests for now (HTTP {BUSY}, tried {TRIES} times)"
    if isinstance(error, HfHubHTTPError):
        return f"{error.server_message or str(error).splitlines()[0]} (HTTP {status})"
    return f"the Hub does not answer ({type(error).__name__}: {error})"


def _passing(error: Exception, once: bool) -> bool:
    """Whether another try may do better, and can do no harm."""
    status = status_of(error)
    if status == BUSY:
        return True
    if isinstance(error, LocalTokenNotFoundError | XetAuthenticationError | XetObjectNotFoundError) or once:
        return False
    return status is None or status in AWAY
