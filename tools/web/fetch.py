"""The tool that fetches one page of the web as text. It sends no credentials, and asks no private address."""

from __future__ import annotations

import os
from typing import Annotated

import httpx2
from pydantic import Field

from tools.arguments import Arguments
from tools.documents import read
from tools.excerpt import excerpt, shortened
from tools.http import Answer, Http
from tools.hub.held_out import refuse_page
from tools.tool import Desk, Tool, ToolFault, untrusted

HOSTS = "POSTDOCS_WEB_HOSTS"
"""Hosts (`host:port`, comma between) in the user's own network that may be fetched, such as a wiki."""
PAGE_BYTES = 20_000_000
SECONDS = 30.0
TEXTS = ("text/", "application/json", "application/xml", "application/yaml", "application/x-yaml", "application/toml")
PAGES = ("text/html", "application/xhtml+xml")
NAME = "web_fetch"


class WebFetch(Arguments):
    url: Annotated[str, Field(min_length=8, max_length=2_000)]
    """http or https."""
    offset: Annotated[int, Field(ge=0)] = 0
    """Where in the text to begin, in characters: for the later parts of a long page."""


async def _fetch(given: WebFetch, desk: Desk) -> str:
    refuse_page(desk, given.url)
    answer = await _get(given.url)
    refuse_page(desk, answer.url)  # where it was led to
    if answer.status in (404, 410):
        raise ToolFault(f"there is no such page (status {answer.status}): search for it")
    if answer.status >= 300:
        raise ToolFault(f"the page is not given out (status {answer.status}): try another source")
    title, text = await _text(answer)
    head = f"{shortened(title, 300)}\n{shortened(answer.url, 500)}" if title else shortened(answer.url, 500)
    return f"{head}\n\n{excerpt(text, given.offset)}"


async def _get(url: str) -> Answer:
    hosts = frozenset(host.strip() for host in os.environ.get(HOSTS, "").split(",") if host.strip())
    http = Http(trusted=hosts, seconds=SECONDS, most_bytes=PAGE_BYTES)
    try:
        return await http.get(url, Accept="text/html,application/xhtml+xml,application/pdf,text/*;q=0.9,*/*;q=0.1")
    except ToolFault as error:  # it may quote a stranger: a name, a redirect's target, a line that is no HTTP
        raise type(error)(f"the page cannot be fetched: {untrusted(shortened(str(error), 400), NAME)}") from error
    except (ValueError, httpx2.InvalidURL) as error:
        raise ToolFault("the page cannot be fetched: it, or where it leads to, is no address of the web") from error


async def _text(answer: Answer) -> tuple[str, str]:
    """Title and text. Raises `ToolFault` for what is none."""
    kind = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "application/pdf" or answer.content.startswith(b"%PDF-"):
        if answer.cut:
            raise ToolFault(f"the PDF has more than {PAGE_BYTES / 1e6:.0f} MB")
        document = await read(answer.content, "pdf")
        return document.title, document.text
    if kind in PAGES or (not kind and b"<html" in answer.content[:2_000].lower()):
        document = await read(answer.content, "html", charset=_charset(answer), url=answer.url)
        return document.title, document.text
    if kind.startswith(TEXTS) or kind.endswith(("+json", "+xml")) or not kind:
        if b"\0" in answer.content[:8_000]:
            raise ToolFault("the page is no text")
        return "", answer.text
    raise ToolFault(f"the page is no text: {untrusted(shortened(kind, 80), NAME)}")


def _charset(answer: Answer) -> str:
    """What the server says; none where it says nothing, or nothing that fits on a command line."""
    said = answer.headers.get("content-type", "").partition("charset=")[2].strip("\"' ;")
    return said if said.isascii() and len(said) < 40 else ""


WEB_FETCH = Tool(
    NAME,
    "One page of the web as text (HTML as Markdown, PDF, plain text), a part at a time. Public pages only.",
    WebFetch,
    _fetch,
    seconds=120.0,
    outside=True,
)
