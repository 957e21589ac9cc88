"""arXiv's Atom API: queries, and entries with their versions.

https://info.arxiv.org/help/api/user-manual.html. The feed is parsed with the standard library; expat bounds the
expansion of entities, and the answer's size is bounded by `tools.http`.
"""

from __future__ import annotations

import datetime
import re
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from dataclasses import dataclass

from tools.papers.pace import ARXIV_PACE
from tools.papers.paper import Page, Paper
from tools.papers.services import ARXIV
from tools.service import Missing
from tools.tool import ToolFault

ATOM, SEARCH, OWN = (
    "{http://www.w3.org/2005/Atom}",
    "{http://a9.com/-/spec/opensearch/1.1/}",
    "{http://arxiv.org/schemas/atom}",
)
FIELDS = re.compile(r"\b(?:ti|au|abs|co|jr|cat|rn|id|all):|\b(?:AND|OR|ANDNOT)\b")
TERMS = re.compile(r'"[^"]+"|[^\s"()\[\]:]+')
FIRST_DAY = datetime.date(1991, 8, 14)
"""arXiv's first."""
SYNTAX = "fields are ti: au: abs: cat: all:, joined by AND, OR, ANDNOT, phrases in double quotes"


@dataclass(frozen=True)
class Entry:
    """One paper of the feed."""

    id: str
    version: int
    title: str
    authors: Sequence[str]
    summary: str
    published: str
    """Day of the first version."""
    updated: str
    """Day of this version."""
    categories: Sequence[str]
    """The primary one first."""
    doi: str
    journal: str
    comment: str

    @property
    def paper(self) -> Paper:
        notes = (", ".join(self.categories), self.journal, self.comment)
        return Paper(self.id, self.title, self.authors, self.published, self.summary, notes)


def expression(query: str, categories: Sequence[str], since: datetime.date | None, until: datetime.date | None) -> str:
    """arXiv's `search_query`. Words without a field are all searched everywhere. Raises `ToolFault` for none at all."""
    words = [query] if FIELDS.search(query) else [f"all:{term}" for term in TERMS.findall(query)]
    parts = [f"({' AND '.join(words)})"] if query.strip() and words else []
    if categories:
        parts.append(f"({' OR '.join(f'cat:{category}' for category in categories)})")
    if since or until:
        first, last = since or FIRST_DAY, until or datetime.date.today()
        parts.append(f"submittedDate:[{first:%Y%m%d}0000 TO {last:%Y%m%d}2359]")
    if not parts:
        raise ToolFault("give a query, a category or a range of dates")
    return " AND ".join(parts)


async def search(query: str, start: int, limit: int, newest: bool) -> Page:
    """Papers that fit an `expression`."""
    params = {"search_query": query, "start": start, "max_results": limit}
    params |= {"sortBy": "submittedDate" if newest else "relevance", "sortOrder": "descending"}
    entries, total = await _feed(params)
    return Page([entry.paper for entry in entries], start, total, start + len(entries) < total and bool(entries))


async def details(identifier: str) -> Entry:
    """One paper, as `2305.18290` or `2305.18290v1`. Raises `Missing`."""
    entries, _ = await _feed({"id_list": identifier, "max_results": 1})
    if not entries:
        raise Missing(f"arXiv has no paper {identifier}: search for its title")
    return entries[0]


async def _feed(params: dict[str, object]) -> tuple[list[Entry], int]:
    await ARXIV_PACE.wait()
    answer = await ARXIV.get("/api/query", params)
    try:
        root = ET.fromstring(answer.content)
        found = root.findall(f"{ATOM}entry")
        if any("/api/errors" in _text(entry, f"{ATOM}id") for entry in found):
            raise ToolFault(f"arXiv does not understand the query: {SYNTAX}")
        total = int(_text(root, f"{SEARCH}totalResults") or len(found))
    except (ET.ParseError, ValueError) as error:
        ARXIV.accepted(answer)
        raise ToolFault(f"arXiv answered what cannot be read. {ARXIV.instead}") from error
    ARXIV.accepted(answer)
    return [_entry(entry) for entry in found if _text(entry, f"{ATOM}title")], total


def _entry(entry: ET.Element) -> Entry:
    identifier, _, version = _text(entry, f"{ATOM}id").partition("/abs/")[2].rpartition("v")
    primary = entry.find(f"{OWN}primary_category")
    first = [primary.get("term", "")] if primary is not None else []
    others = [term for category in entry.findall(f"{ATOM}category") if (term := category.get("term", "")) not in first]
    return Entry(
        id=identifier,
        version=int(version) if version.isdigit() else 1,
        title=_text(entry, f"{ATOM}title"),
        authors=[_text(author, f"{ATOM}name") for author in entry.findall(f"{ATOM}author")],
        summary=_text(entry, f"{ATOM}summary"),
        published=_text(entry, f"{ATOM}published")[:10],
        updated=_text(entry, f"{ATOM}updated")[:10],
        categories=[*first, *others],
        doi=_text(entry, f"{OWN}doi"),
        journal=_text(entry, f"{OWN}journal_ref"),
        comment=_text(entry, f"{OWN}comment"),
    )


def _text(element: ET.Element, name: str) -> str:
    return " ".join((element.findtext(name) or "").split())
