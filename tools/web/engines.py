"""The search engines that can be asked: a SearXNG instance, or Brave's API. The user names one; there is no default.

https://docs.searxng.org/dev/search_api.html and https://api-dashboard.search.brave.com/app/documentation/web-search
"""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import BaseModel

from tools.service import Service
from tools.tool import ToolFault

INSTEAD = "Use `search_papers` for the literature, or `search_knowledge`, which needs no network."
SEARXNG = Service("the search engine (SearXNG)", "POSTDOCS_SEARCH_URL", "", INSTEAD)
BRAVE = Service(
    "Brave Search",
    "POSTDOCS_BRAVE_URL",
    "https://api.search.brave.com",
    INSTEAD,
    key="BRAVE_API_KEY",
    header="X-Subscription-Token",
    scheme="",
)
NONE = (
    "no search engine is configured (the user sets POSTDOCS_SEARCH_URL, a SearXNG instance with JSON enabled, or "
    f"BRAVE_API_KEY). {INSTEAD}"
)
BRAVE_PAGES = 9
"""Brave's `offset` counts pages, and ends there."""


@dataclass(frozen=True)
class Hit:
    url: str
    title: str
    text: str


class SearxResult(BaseModel):
    url: str
    title: str | None = None
    content: str | None = None


class SearxAnswer(BaseModel):
    results: list[SearxResult] = []


class BraveResult(BaseModel):
    url: str
    title: str | None = None
    description: str | None = None


class BraveWeb(BaseModel):
    results: list[BraveResult] = []


class BraveAnswer(BaseModel):
    web: BraveWeb | None = None


def engine() -> Service | None:
    """The one that is configured: an instance of the user's own before Brave's."""
    if SEARXNG.base:
        return SEARXNG
    return BRAVE if BRAVE.secret else None


async def hits(query: str, page: int, limit: int) -> list[Hit]:
    """Results of one page, from 1. Raises `ToolFault`, also where no engine is configured."""
    chosen = engine()
    if chosen is None:
        raise ToolFault(NONE)
    if chosen is SEARXNG:
        return await _searxng(query, page, limit)
    if page > BRAVE_PAGES + 1:
        raise ToolFault(f"Brave Search has no page behind {BRAVE_PAGES + 1}: use other words")
    given = {"q": query, "count": limit, "offset": page - 1}
    found = await BRAVE.read("/res/v1/web/search", given, BraveAnswer, Accept="application/json")
    return [Hit(one.url, one.title or "", one.description or "") for one in (found.web or BraveWeb()).results]


async def _searxng(query: str, page: int, limit: int) -> list[Hit]:
    answer = await SEARXNG.get("/search", {"q": query, "format": "json", "pageno": page})
    if answer.status == 403:
        raise ToolFault(f"the SearXNG instance does not answer in JSON (settings.yml: search.formats). {INSTEAD}")
    found = SEARXNG.parsed(SEARXNG.accepted(answer), SearxAnswer)
    return [Hit(one.url, one.title or "", one.content or "") for one in found.results[:limit]]
