"""The tool that searches the web."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from tools.arguments import Arguments
from tools.excerpt import shortened
from tools.tool import Desk, Tool
from tools.web.engines import hits

TEXT = 400
"""Characters of a result's text."""


class WebSearch(Arguments):
    query: Annotated[str, Field(min_length=2, max_length=300)]
    """A few words."""
    page: Annotated[int, Field(ge=1, le=20)] = 1
    limit: Annotated[int, Field(ge=1, le=12)] = 8


async def _search(given: WebSearch, desk: Desk) -> str:
    found = await hits(given.query, given.page, given.limit)
    if not found:
        return "nothing was found" + (" on this page" if given.page > 1 else ": use other words")
    listed = [f"{shortened(one.url, 400)}\n{shortened(one.title, 200)}\n{shortened(one.text, TEXT)}" for one in found]
    return "\n\n".join(listed)


WEB_SEARCH = Tool(
    "web_search",
    "Searches the web: addresses, titles, a few lines. For what is in no paper: documentation, blog posts.",
    WebSearch,
    _search,
    outside=True,
)
