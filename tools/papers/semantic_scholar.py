"""Semantic Scholar's Graph and Recommendations APIs: what they answer, and how they are asked.

https://api.semanticscholar.org/api-docs/graph and …/recommendations
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from pydantic import BaseModel

from tools.papers.paper import Page, Paper
from tools.papers.services import SEMANTIC_SCHOLAR

FIELDS = "title,abstract,year,publicationDate,venue,citationCount,influentialCitationCount,externalIds,authors"
MORE_FIELDS = f"{FIELDS},referenceCount,fieldsOfStudy,tldr,openAccessPdf"
LAST = 1_000
"""The relevance search gives no further ones."""


class Author(BaseModel):
    name: str | None = None


class Tldr(BaseModel):
    text: str | None = None


class Pdf(BaseModel):
    url: str | None = None


class ScholarPaper(BaseModel):
    """A paper, as far as it is known: any field may be missing or null."""

    paperId: str | None = None
    title: str | None = None
    abstract: str | None = None
    year: int | None = None
    publicationDate: str | None = None
    venue: str | None = None
    citationCount: int | None = None
    influentialCitationCount: int | None = None
    referenceCount: int | None = None
    fieldsOfStudy: list[str] | None = None
    tldr: Tldr | None = None
    openAccessPdf: Pdf | None = None
    externalIds: dict[str, Any] | None = None
    authors: list[Author] | None = None

    @property
    def id(self) -> str:
        """The most telling one."""
        known = self.externalIds or {}
        return str(known.get("ArXiv") or known.get("DOI") or self.paperId or "no id")

    @property
    def notes(self) -> list[str]:
        cited = f"cited {self.citationCount} times" if self.citationCount is not None else ""
        influential = f"{self.influentialCitationCount} of them influential" if self.influentialCitationCount else ""
        return [self.venue or "", cited, influential]

    @property
    def paper(self) -> Paper:
        names = [author.name for author in self.authors or () if author.name]
        date = self.publicationDate or str(self.year or "")
        return Paper(self.id, self.title or "no title", names, date, self.abstract or "", self.notes)


class Found(BaseModel):
    total: int | None = None
    offset: int = 0
    next: int | None = None
    data: list[ScholarPaper] = []


class Citation(BaseModel):
    contexts: list[str] | None = None
    intents: list[str] | None = None
    isInfluential: bool | None = None
    citingPaper: ScholarPaper | None = None
    citedPaper: ScholarPaper | None = None


class Citations(BaseModel):
    offset: int = 0
    next: int | None = None
    data: list[Citation] | None = None


class Recommended(BaseModel):
    recommendedPapers: list[ScholarPaper] = []


class Text(BaseModel):
    text: str = ""
    snippetKind: str | None = None
    section: str | None = None


class Source(BaseModel):
    corpusId: str | int | None = None
    title: str | None = None


class Snippet(BaseModel):
    snippet: Text
    score: float | None = None
    paper: Source


class Snippets(BaseModel):
    data: list[Snippet] = []


async def search(query: str, start: int, limit: int, **filters: str | int | None) -> Page:
    """Papers by relevance; `filters` under the API's own names."""
    params = {"query": query, "offset": start, "limit": min(limit, LAST - start), "fields": FIELDS, **filters}
    found = await SEMANTIC_SCHOLAR.read("/graph/v1/paper/search", params, Found)
    return Page([one.paper for one in found.data], start, found.total, found.next is not None)


async def details(identifier: str) -> ScholarPaper:
    return await SEMANTIC_SCHOLAR.read(f"/graph/v1/paper/{_quoted(identifier)}", {"fields": MORE_FIELDS}, ScholarPaper)


async def citations(identifier: str, direction: str, start: int, limit: int) -> Citations:
    """`direction`: `citations` (who cites it) or `references` (whom it cites)."""
    params = {"fields": f"contexts,intents,isInfluential,{FIELDS}", "offset": start, "limit": limit}
    return await SEMANTIC_SCHOLAR.read(f"/graph/v1/paper/{_quoted(identifier)}/{direction}", params, Citations)


async def recommendations(identifier: str, pool: str, limit: int) -> list[ScholarPaper]:
    path = f"/recommendations/v1/papers/forpaper/{_quoted(identifier)}"
    found = await SEMANTIC_SCHOLAR.read(path, {"from": pool, "limit": limit, "fields": FIELDS}, Recommended)
    return found.recommendedPapers


async def snippets(query: str, limit: int, paper: str | None, year: str | None) -> list[Snippet]:
    params = {"query": query, "limit": limit, "paperIds": paper, "year": year}
    return (await SEMANTIC_SCHOLAR.read("/graph/v1/snippet/search", params, Snippets)).data


def _quoted(identifier: str) -> str:
    return quote(identifier, safe=":/")
