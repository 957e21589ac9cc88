"""Calls of the Hugging Face Hub's own client, bounded: by default it waits for ever, and obeys any Retry-After.

The client is synchronous. Each call runs in a daemon thread of its own, so that a Hub that hangs holds up neither the
tool nor the end of the process. The address is the Hub's, or what `HF_ENDPOINT` names.
"""

from __future__ import annotations

import asyncio
import functools
import os
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from tools.http import AGAIN, MOST_WAIT, SECONDS, TRIES, Unreachable
from tools.service import Missing
from tools.tool import ToolFault

if TYPE_CHECKING:
    import httpx2
    from huggingface_hub import HfApi

CALL_SECONDS = 40.0
"""For one call with all its pages, and with what the client repeats of itself."""
Given = TypeVar("Given")


@functools.cache
def _bounded() -> None:
    """Give the client's connections a limit where a call sets none."""
    from huggingface_hub import set_client_factory
    from huggingface_hub.utils._http import default_client_factory

    def limit(request: httpx2.Request) -> None:
        given = request.extensions.get("timeout") or {}
        request.extensions["timeout"] = {
            what: SECONDS if given.get(what) is None else given[what] for what in ("connect", "read", "write", "pool")
        }

    def client() -> httpx2.Client:
        made = default_client_factory()
        made.event_hooks = {"request": [*made.event_hooks["request"], limit], "response": made.event_hooks["response"]}
        return made

    set_client_factory(client)


async def ask(call: Callable[[HfApi], Given], instead: str, *, token: str | bool = False) -> Given:
    """What the Hub answers, asked again where it is busy. Without `token` none is sent, not even one that is saved.

    Raises `ToolFault`, which ends with `instead`; `Missing` for what the Hub has not."""
    import httpx2
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError

    _bounded()
    api = HfApi(endpoint=os.environ.get("HF_ENDPOINT") or None, token=token)
    try:
        async with asyncio.timeout(CALL_SECONDS):
            for attempt in range(1, TRIES + 1):
                try:
                    return await _apart(lambda: call(api))
                except HfHubHTTPError as error:
                    if error.response.status_code not in AGAIN or attempt == TRIES:
                        raise _refused(error.response.status_code, instead) from error
                    await asyncio.sleep(_pause(error.response, attempt))
    except TimeoutError as error:
        raise Unreachable(f"the Hugging Face Hub did not answer within {CALL_SECONDS:.0f} s. {instead}") from error
    except (httpx2.HTTPError, ConnectionError) as error:
        raise Unreachable(f"the Hugging Face Hub cannot be reached ({type(error).__name__}). {instead}") from error
    except (ValueError, TypeError, KeyError, AttributeError) as error:  # an answer that is none
        raise ToolFault(f"the Hugging Face Hub answered what cannot be read. {instead}") from error
    raise AssertionError("the last try returns or raises")


async def _apart(call: Callable[[], Given]) -> Given:
    """Run it in a daemon thread. Who no longer waits for it is not told."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[Given] = loop.create_future()

    def give(result: Given | None, error: Exception | None) -> None:
        if not done.done():
            done.set_exception(error) if error is not None else done.set_result(result)  # type: ignore[arg-type]

    def run() -> None:
        result, failed = None, None
        try:
            result = call()
        except Exception as error:
            failed = error
        if not loop.is_closed():
            loop.call_soon_threadsafe(give, result, failed)

    threading.Thread(target=run, name="hub", daemon=True).start()
    return await done


def _refused(status: int, instead: str) -> ToolFault:
    if status == 404:
        return Missing("the Hugging Face Hub knows nothing of that name")
    if status in AGAIN:
        return ToolFault(f"the Hugging Face Hub answers {status} {TRIES} times: try later. {instead}")
    return ToolFault(f"the Hugging Face Hub refuses the request (status {status})")


def _pause(response: httpx2.Response, attempt: int) -> float:
    wait = response.headers.get("retry-after", "")
    return min(MOST_WAIT, float(wait)) if wait.isdigit() else 0.25 * 2**attempt
