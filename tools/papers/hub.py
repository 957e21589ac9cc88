"""Papers on the Hugging Face Hub, with the Hub's own client: search, the daily papers, what is linked to a paper.

Nothing of it needs a token, so none is sent. The address is the Hub's, or what `HF_ENDPOINT` names.
"""

from __future__ import annotations

import asyncio
import functools
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from tools.http import AGAIN, MOST_WAIT, SECONDS, TRIES, Unreachable
from tools.papers.paper import Page, Paper
from tools.papers.services import INSTEAD
from tools.service import Missing
from tools.tool import ToolFault

if TYPE_CHECKING:
    import httpx2
    from huggingface_hub import HfApi
    from huggingface_hub.hf_api import PaperInfo

MOST = 120
"""Papers that the Hub's search gives at once; it has no further pages."""
Given = TypeVar("Given")


@functools.cache
def _bounded() -> None:
    """The Hub's client waits for ever by default; here every one has a limit."""
    from huggingface_hub import set_client_factory
    from huggingface_hub.utils._http import default_client_factory

    def client() -> httpx2.Client:
        made = default_client_factory()
        made.timeout = SECONDS
        return made

    set_client_factory(client)


async def ask(call: Callable[[HfApi], Given]) -> Given:
    """What the Hub answers. Repeated where it is busy. Raises `ToolFault`: `Missing` for what it has not."""
    import httpx2
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError

    _bounded()
    api = HfApi(endpoint=os.environ.get("HF_ENDPOINT") or None, token=False)
    for attempt in range(1, TRIES + 1):
        try:
            return await asyncio.to_thread(call, api)
        except HfHubHTTPError as error:
            if error.response.status_code not in AGAIN or attempt == TRIES:
                raise _refused(error.response.status_code) from error
            await asyncio.sleep(_pause(error.response, attempt))
        except (httpx2.HTTPError, ConnectionError, TimeoutError) as error:
            raise Unreachable(f"the Hugging Face Hub cannot be reached ({type(error).__name__}). {INSTEAD}") from error
        except (ValueError, TypeError, KeyError, AttributeError) as error:  # an answer that is none
            raise ToolFault(f"the Hugging Face Hub answered what cannot be read. {INSTEAD}") from error
    raise AssertionError("the last try returns or raises")


def _refused(status: int) -> ToolFault:
    if status == 404:
        return Missing("the Hugging Face Hub has no such paper")
    if status in AGAIN:
        return ToolFault(f"the Hugging Face Hub answers {status} {TRIES} times: try later. {INSTEAD}")
    return ToolFault(f"the Hugging Face Hub refuses the request (status {status})")


def _pause(response: httpx2.Response, attempt: int) -> float:
    wait = 0.25 * 2**attempt
    asked = response.headers.get("retry-after", "")
    return min(MOST_WAIT, float(asked)) if asked.isdigit() else wait


async def search(query: str, start: int, limit: int) -> Page:
    wanted = min(MOST, start + limit + 1)  # one more than is shown tells whether there are further ones
    found = await ask(lambda api: list(api.list_papers(query=query, limit=wanted, token=False)))
    return _page(found, start, limit)


async def daily(day: str | None, start: int, limit: int) -> Page:
    """The papers that the Hub's community has submitted, of one day or the last ones."""
    wanted = min(MOST, start + limit + 1)
    found = await ask(lambda api: list(api.list_daily_papers(date=day, limit=wanted, token=False)))
    return _page(found, start, limit)


def _page(found: list[PaperInfo], start: int, limit: int) -> Page:
    return Page([_paper(one) for one in found[start : start + limit]], start, None, len(found) > start + limit)


def _paper(info: PaperInfo) -> Paper:
    names = [str(author.name) for author in info.authors or () if getattr(author, "name", None)]
    date = f"{info.published_at:%Y-%m-%d}" if info.published_at else ""
    upvotes = f"{info.upvotes} upvotes" if info.upvotes else ""
    return Paper(str(info.id), info.title or "", names, date, info.summary or "", (upvotes, info.github_repo or ""))
