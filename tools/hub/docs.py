"""The tools that search the documentation on the Hub, and read a page of it.

The search is `/api/docs/search?q=&product=`, in the Hub's OpenAPI description
(https://huggingface.co/.well-known/openapi.json); the shape of its answers and `Accept: text/markdown` for pages are
those of Hugging Face's own MCP server (https://github.com/huggingface/hf-mcp-server, packages/mcp/src/docs-search).
"""

from __future__ import annotations

import re
from typing import Annotated
from urllib.parse import quote, urlsplit

from pydantic import BaseModel, Field

from tools.arguments import Arguments
from tools.documents import read
from tools.documents.document import visible
from tools.excerpt import excerpt, shortened
from tools.hub.services import HUB, Tag
from tools.service import Missing
from tools.tool import Desk, Tool, ToolFault

PASSAGE = 700
MARKUP = re.compile(r"<[^<>]*>")
PLACE = re.compile(r"[\w./-]+")


class SearchDocs(Arguments):
    query: Annotated[str, Field(min_length=3, max_length=200)]
    """A question or a few words: `GRPOConfig num_generations vllm`."""
    product: Tag | None = None
    """Only of this library: trl, transformers, peft, accelerate, datasets, hub."""
    limit: Annotated[int, Field(ge=1, le=15)] = 8


class ReadDocs(Arguments):
    page: Annotated[str, Field(min_length=2, max_length=300)]
    """Its address (https://huggingface.co/docs/trl/grpo_trainer), or what follows /docs/; with a version
    (trl/v1.16.0/en/grpo_trainer) for that of the installed library."""
    offset: Annotated[int, Field(ge=0)] = 0
    """Where in the page to begin, in characters: for the later parts of a long one."""


class Passage(BaseModel):
    text: str = ""
    product: str = ""
    heading1: str | None = None
    heading2: str | None = None
    source_page_url: str = ""
    source_page_title: str | None = None


async def found(query: str, product: str | None) -> list[Passage]:
    """Passages, best first. Raises `ToolFault`."""
    params = {"q": query, "product": product}
    return await HUB.read("/api/docs/search", params, list[Passage], Accept="application/json")


async def _search(given: SearchDocs, desk: Desk) -> str:
    passages = await found(given.query, given.product)
    if not passages:
        return "nothing in the documentation fits: use other words, or leave `product` out"
    return "\n\n".join(_passage(one) for one in passages[: given.limit])


def _passage(one: Passage) -> str:
    titles = " › ".join(title for title in (one.heading1 or one.source_page_title, one.heading2) if title)
    text = shortened(visible(MARKUP.sub("", one.text)), PASSAGE)
    return f"{shortened(titles, 200)} [{shortened(one.product, 60)}]\n{shortened(one.source_page_url, 300)}\n{text}"


async def _read(given: ReadDocs, desk: Desk) -> str:
    place = _place(given.page)
    answer = await HUB.get(f"/docs/{quote(place)}", None, Accept="text/markdown, text/html;q=0.5")
    try:
        answer = HUB.accepted(answer)
    except Missing as error:
        raise Missing(f"the documentation has no page {place!r}: search_docs finds pages") from error
    if b"\0" in answer.content[:8_000]:
        raise ToolFault(f"{place} is no text")
    text = visible(answer.text)
    if "html" in answer.headers.get("content-type", ""):
        text = (await read(answer.content, "html", url=answer.url)).text
    return f"/docs/{place}\n\n{excerpt(text, given.offset)}"


def _place(page: str) -> str:
    """What follows /docs/ in the address. Raises `ToolFault` for a page of anywhere else."""
    parts = urlsplit(page.strip())
    hosts = (urlsplit(HUB.base).netloc, urlsplit(HUB.default).netloc, "hf.co")
    path = parts.path.strip("/").removeprefix("docs/")
    elsewhere = parts.netloc not in ("", *hosts) or (parts.netloc and not parts.path.startswith("/docs/"))
    if elsewhere or not PLACE.fullmatch(path) or ".." in path.split("/"):
        raise ToolFault(f"{shortened(page, 200)!r} is no page of the Hub's documentation: take one from search_docs")
    return path


SEARCH_DOCS = Tool(
    "search_docs",
    "Searches the documentation of TRL, transformers, peft, accelerate, datasets, the Hub and others: passages, pages.",
    SearchDocs,
    _search,
    outside=True,
)
READ_DOCS = Tool(
    "read_docs",
    "Reads a page of the documentation on the Hub, a part at a time, of the version that is installed if you name it.",
    ReadDocs,
    _read,
    seconds=90.0,
    outside=True,
)
