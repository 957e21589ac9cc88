"""The tool that searches for papers, in one of four places."""

from __future__ import annotations

import datetime
from typing import Annotated, Literal

from pydantic import Field

from tools.arguments import Arguments
from tools.papers import arxiv, hub, semantic_scholar
from tools.papers.paper import Page, told_page
from tools.tool import Desk, Tool, ToolFault

ONLY = {
    "categories": ("arxiv",),
    "until": ("arxiv", "semantic_scholar"),
    "since": ("arxiv", "semantic_scholar", "huggingface_daily"),
    "venue": ("semantic_scholar",),
    "fields_of_study": ("semantic_scholar",),
    "min_citations": ("semantic_scholar",),
}
"""Filter → the sources that know it."""
Category = Annotated[str, Field(pattern=r"^[a-zA-Z-]+(\.[a-zA-Z-]+|\.\*)?$")]


class SearchPapers(Arguments):
    query: Annotated[str, Field(max_length=300)] = ""
    """A few words. On arxiv also with fields: `ti:"direct preference" AND abs:reward ANDNOT au:smith`."""
    source: Literal["arxiv", "semantic_scholar", "huggingface", "huggingface_daily"] = "arxiv"
    """arxiv: all preprints; semantic_scholar: all journals and conferences, with citation counts; huggingface: papers
    with models or data on the Hub; huggingface_daily: what the community reads these days (no query)."""
    categories: Annotated[tuple[Category, ...], Field(max_length=8)] = ()
    """arxiv only: any of these, such as cs.CL, cs.LG."""
    since: datetime.date | None = None
    """Published on this day or later (not with huggingface); with huggingface_daily, that very day."""
    until: datetime.date | None = None
    """Published on this day or before (arxiv, semantic_scholar)."""
    venue: Annotated[str, Field(max_length=200)] | None = None
    """semantic_scholar only: one or several, comma between: `NeurIPS,ICLR`."""
    fields_of_study: Annotated[str, Field(max_length=200)] | None = None
    """semantic_scholar only: `Computer Science,Linguistics`."""
    min_citations: Annotated[int, Field(ge=0)] | None = None
    """semantic_scholar only."""
    newest_first: bool = False
    """arxiv only: by date instead of by relevance."""
    start: Annotated[int, Field(ge=0, le=900)] = 0
    """How many to pass over: for further pages."""
    limit: Annotated[int, Field(ge=1, le=20)] = 8


async def _search(given: SearchPapers, desk: Desk) -> str:
    _check(given)
    return told_page(await _found(given), "no paper fits: use fewer or other words, fewer filters, or another source")


def _check(given: SearchPapers) -> None:
    """Raises `ToolFault` for a filter that the source would pass over silently."""
    for name, sources in ONLY.items():
        if getattr(given, name) not in (None, ()) and given.source not in sources:
            raise ToolFault(f"{name} is only for source={' or '.join(sources)}")
    if given.newest_first and given.source != "arxiv":
        raise ToolFault("newest_first is only for source=arxiv")
    if not given.query.strip() and given.source in ("semantic_scholar", "huggingface"):
        raise ToolFault(f"source={given.source} needs a query")


async def _found(given: SearchPapers) -> Page:
    if given.source == "huggingface":
        return await hub.search(given.query, given.start, given.limit)
    if given.source == "huggingface_daily":
        return await hub.daily(given.since.isoformat() if given.since else None, given.start, given.limit)
    if given.source == "arxiv":
        query = arxiv.expression(given.query, given.categories, given.since, given.until)
        return await arxiv.search(query, given.start, given.limit, given.newest_first)
    days = f"{given.since or ''}:{given.until or ''}" if given.since or given.until else None
    return await semantic_scholar.search(
        given.query,
        given.start,
        given.limit,
        publicationDateOrYear=days,
        venue=given.venue,
        fieldsOfStudy=given.fields_of_study,
        minCitationCount=given.min_citations,
    )


SEARCH_PAPERS = Tool(
    "search_papers",
    "Searches the literature: ids, titles, dates, the first lines of abstracts. Then `read_paper` what seems to fit.",
    SearchPapers,
    _search,
    outside=True,
)
