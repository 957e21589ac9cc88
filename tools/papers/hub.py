"""Papers on the Hugging Face Hub, with the Hub's own client: search, the daily papers. Nothing of it needs a token."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from tools import hub_client
from tools.papers.paper import Page, Paper
from tools.papers.services import INSTEAD

if TYPE_CHECKING:
    from huggingface_hub import HfApi
    from huggingface_hub.hf_api import PaperInfo

MOST = 120
"""Papers that the Hub's search gives at once; it has no further pages."""
MOST_DAILY = 100
"""More daily papers at once it refuses (https://huggingface.co/.well-known/openapi.json, `/api/daily_papers`)."""
Given = TypeVar("Given")


async def ask(call: Callable[[HfApi], Given]) -> Given:
    """What the Hub answers. Raises `ToolFault`: `Missing` for what it has not."""
    return await hub_client.ask(call, INSTEAD)


async def search(query: str, start: int, limit: int) -> Page:
    wanted = min(MOST, start + limit + 1)  # one more than is shown tells whether there are further ones
    found = await ask(lambda api: list(api.list_papers(query=query, limit=wanted, token=False)))
    return _page(found, start, limit)


async def daily(day: str | None, start: int, limit: int) -> Page:
    """The papers that the Hub's community has submitted, of one day or the last ones."""
    wanted = min(MOST_DAILY, start + limit + 1)
    found = await ask(lambda api: list(api.list_daily_papers(date=day, limit=wanted, token=False)))
    return _page(found, start, limit)


def _page(found: list[PaperInfo], start: int, limit: int) -> Page:
    return Page([_paper(one) for one in found[start : start + limit]], start, None, len(found) > start + limit)


def _paper(info: PaperInfo) -> Paper:
    names = [str(author.name) for author in info.authors or () if getattr(author, "name", None)]
    date = f"{info.published_at:%Y-%m-%d}" if info.published_at else ""
    upvotes = f"{info.upvotes} upvotes" if info.upvotes else ""
    return Paper(str(info.id), info.title or "", names, date, info.summary or "", (upvotes, info.github_repo or ""))
