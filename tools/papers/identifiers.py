"""How a paper is named: by arXiv id, DOI, or Semantic Scholar's id; also as the address of its page."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tools.tool import ToolFault

ARXIV = re.compile(r"^(?:arxiv:\s*)?(\d{4}\.\d{4,5}|[a-z][a-z-]*(?:\.[a-z]{2})?/\d{7})(?:v(\d{1,3}))?$", re.IGNORECASE)
PAGE = re.compile(r"^https?://[^/]+/(?:abs|pdf|html|papers)/(.+?)(?:\.pdf|\.md)?/?$", re.IGNORECASE)
DOI = re.compile(r"^(?:doi:\s*|https?://(?:dx\.)?doi\.org/)?(10\.\d{4,9}/[^\s?#%]+)$", re.IGNORECASE)
OF_ARXIV = re.compile(r"^10\.48550/arxiv\.(.+)$", re.IGNORECASE)
SCHOLAR = re.compile(r"^([0-9a-f]{40}|CorpusId:\d+|(?:ACL|PMID|PMCID|MAG):[\w.-]+)$", re.IGNORECASE)
SCHOLAR_PAGE = re.compile(r"^https?://[^/]*semanticscholar\.org/paper/(?:[^/]+/)?([0-9a-f]{40})/?$")
TELL = "give an arXiv id (2305.18290, with v2 for a version), a DOI (10.…/…), or a Semantic Scholar id"


@dataclass(frozen=True)
class PaperId:
    """One of `arxiv`, `doi` and `scholar` is set."""

    arxiv: str | None = None
    version: int | None = None
    doi: str | None = None
    scholar: str | None = None

    @property
    def versioned(self) -> str:
        """arXiv's own way of writing it."""
        return f"{self.arxiv}v{self.version}" if self.version else str(self.arxiv)

    @property
    def at_scholar(self) -> str:
        """Semantic Scholar's way of writing it."""
        if self.arxiv:
            return f"ARXIV:{self.arxiv}"
        return f"DOI:{self.doi}" if self.doi else str(self.scholar)


def paper_id(text: str) -> PaperId:
    """Raises `ToolFault` for what names no paper."""
    told = text.strip()
    if page := PAGE.match(told) or SCHOLAR_PAGE.match(told):
        told = page[1]
    if doi := DOI.match(told):
        inner = OF_ARXIV.match(doi[1])
        if inner is None:
            return PaperId(doi=doi[1])
        told = inner[1]
    if arxiv := ARXIV.match(told):
        return PaperId(arxiv=arxiv[1], version=int(arxiv[2]) if arxiv[2] else None)
    if scholar := SCHOLAR.match(told):
        return PaperId(scholar=scholar[1])
    raise ToolFault(f"{text[:100]!r} names no paper: {TELL}")


def arxiv_id(text: str) -> PaperId:
    """As `paper_id`, of a paper that is on arXiv."""
    found = paper_id(text)
    if found.arxiv is None:
        raise ToolFault(f"{text[:100]!r} is no arXiv id, and only papers on arXiv are served here")
    return found
