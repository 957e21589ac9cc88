"""Calls of the Hugging Face Hub's own client, bounded: by default it waits for ever, and obeys any Retry-After.

The client is synchronous. Each call runs in a daemon thread of its own, so that a Hub that hangs holds up neither the
tool nor the end of the process. The address is the Hub's, or what `HF_ENDPOINT` names.
"""

from __future__ import annotations

import asyncio
import functools
import os
import threading
import urllib.request
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit

from tools.http import AGAIN, MOST_WAIT, SECONDS, TRIES, Unreachable
from tools.service import Missing
from tools.tool import ToolFault

if TYPE_CHECKING:
    import httpx2
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError

CALL_SECONDS = 40.0
"""For one call with all its pages, and with what the client repeats of itself."""
KNOCK_SECONDS = 5.0
Given = TypeVar("Given")
_OURS = threading.local()
"""`.here` is set in the threads of this module: the client is the whole process's."""
_ELSEWHERE = {"seconds": SECONDS, "refuse": False}
"""What holds in the other threads of the process."""


class Gated(ToolFault):
    """The Hub shows it to those alone who have accepted its conditions."""


def bounded(seconds: float = SECONDS, *, everywhere: bool = False) -> None:
    """Give the client's connections a limit where a call sets none, outside this module's own calls: those have theirs
    always. With `everywhere` a busy Hub is not waited for either, as in those calls."""
    _ELSEWHERE.update(seconds=seconds, refuse=everywhere)
    _install()


@functools.cache
def _install() -> None:
    from huggingface_hub import set_client_factory
    from huggingface_hub.utils._http import default_client_factory, hf_raise_for_status

    def limit(request: httpx2.Request) -> None:
        given = request.extensions.get("timeout") or {}
        most = SECONDS if _ours() else _ELSEWHERE["seconds"]
        request.extensions["timeout"] = {
            what: most if given.get(what) is None else given[what] for what in ("connect", "read", "write", "pool")
        }

    def refuse(response: httpx2.Response) -> None:
        """Where it lists, the client waits as long as a Retry-After says, five times over: not in our threads."""
        if (_ours() or _ELSEWHERE["refuse"]) and response.status_code in AGAIN:
            response.read()
            hf_raise_for_status(response)

    def client() -> httpx2.Client:
        made = default_client_factory()
        hooks = made.event_hooks
        made.event_hooks = {"request": [*hooks["request"], limit], "response": [*hooks["response"], refuse]}
        return made

    set_client_factory(client)


def _ours() -> bool:
    return getattr(_OURS, "here", False)


async def ask(call: Callable[[HfApi], Given], instead: str, *, token: str | bool = False) -> Given:
    """What the Hub answers, asked again where it is busy. Without `token` none is sent, not even one that is saved.

    Raises `ToolFault`, which ends with `instead`; `Missing` for what the Hub has not, `Gated` for what it keeps."""
    import httpx2
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError

    _install()
    api = HfApi(endpoint=os.environ.get("HF_ENDPOINT") or None, token=token)
    try:
        async with asyncio.timeout(CALL_SECONDS):
            await _knock(api.endpoint)
            for attempt in range(1, TRIES + 1):
                try:
                    return await _apart(lambda: call(api))
                except HfHubHTTPError as error:
                    if error.response.status_code not in AGAIN or attempt == TRIES:
                        raise _refused(error, bool(token), instead) from error
                    await asyncio.sleep(pause(error.response, attempt))
    except TimeoutError as error:
        raise Unreachable(f"the Hugging Face Hub did not answer within {CALL_SECONDS:.0f} s. {instead}") from error
    except (httpx2.HTTPError, ConnectionError) as error:
        raise Unreachable(f"the Hugging Face Hub cannot be reached ({type(error).__name__}). {instead}") from error
    except (ValueError, TypeError, KeyError, AttributeError) as error:  # an answer that is none
        raise ToolFault(f"the Hugging Face Hub answered what cannot be read. {instead}") from error
    raise AssertionError("the last try returns or raises")


async def _knock(endpoint: str) -> None:
    """Raises `ConnectionError` where nobody is there: when it lists, the client would try for 23 s to find out.

    Behind a proxy that cannot be told, and is not; offline the client itself refuses at once."""
    from huggingface_hub import constants

    parts = urlsplit(endpoint)
    if constants.HF_HUB_OFFLINE or {parts.scheme, "all"} & set(urllib.request.getproxies()):
        return
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        async with asyncio.timeout(KNOCK_SECONDS):
            _, writer = await asyncio.open_connection(parts.hostname, port)
    except OSError as error:  # a TimeoutError as well
        raise ConnectionError(f"{parts.hostname} does not answer") from error
    writer.close()


async def _apart(call: Callable[[], Given]) -> Given:
    """Run it in a daemon thread. Who no longer waits for it is not told."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[Given] = loop.create_future()

    def give(result: Given | None, error: Exception | None) -> None:
        if not done.done():
            done.set_exception(error) if error is not None else done.set_result(result)  # type: ignore[arg-type]

    def run() -> None:
        _OURS.here = True
        result, failed = None, None
        try:
            result = call()
        except Exception as error:
            failed = error
        if not loop.is_closed():
            loop.call_soon_threadsafe(give, result, failed)

    threading.Thread(target=run, name="hub", daemon=True).start()
    return await done


def _refused(error: HfHubHTTPError, known: bool, instead: str) -> ToolFault:
    """`known`: the Hub was told who asks; else its 401 means a repository that is not there, or private."""
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError

    status = error.response.status_code
    if isinstance(error, GatedRepoError):
        return Gated("it is gated: its conditions have to be accepted on its page first")
    if isinstance(error, RepositoryNotFoundError) or (status == 401 and not known):
        return Missing("the Hugging Face Hub has no repository of that name, or a private one")
    if status == 401:
        return ToolFault("the Hugging Face Hub says that the token (HF_TOKEN) is not valid")
    if status == 404:
        return Missing("the Hugging Face Hub knows nothing of that name")
    if status in AGAIN:
        return ToolFault(f"the Hugging Face Hub answers {status} {TRIES} times: try later. {instead}")
    return ToolFault(f"the Hugging Face Hub refuses the request (status {status})")


def pause(response: httpx2.Response, attempt: int) -> float:
    """Seconds to wait before the Hub is asked again."""
    wait = response.headers.get("retry-after", "")
    return min(MOST_WAIT, float(wait)) if wait.isdigit() else 0.25 * 2**attempt
