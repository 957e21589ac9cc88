"""A paper as it is found, whoever found it, and how it is told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tools.excerpt import shortened

AUTHORS = 4
SUMMARY, PAGE = 500, 9_000
"""Characters of an abstract in a list, and of all of a list: abstracts are shorter in a long one."""
HEAD = 300
"""Characters for a paper's title and authors."""


@dataclass(frozen=True)
class Paper:
    id: str
    title: str
    authors: Sequence[str] = ()
    date: str = ""
    summary: str = ""
    notes: Sequence[str] = ()


@dataclass(frozen=True)
class Page:
    """Some of the papers found."""

    papers: Sequence[Paper]
    start: int = 0
    total: int | None = None
    more: bool = False


def told(paper: Paper, characters: int = SUMMARY) -> str:
    """Id, date, title, authors; notes; summary: a line each."""
    authors = ", ".join(paper.authors[:AUTHORS]) + (" and others" if len(paper.authors) > AUTHORS else "")
    head = f"{paper.id} ({paper.date or 'no date'}) {shortened(paper.title, 300)}" + (f". {authors}" if authors else "")
    lines = [head, "; ".join(note for note in paper.notes if note), shortened(paper.summary, characters)]
    return "\n".join(line for line in lines if line)


def told_page(page: Page, nothing: str) -> str:
    """The papers, and how to get further ones; `nothing` where there is none."""
    if not page.papers:
        return nothing
    end = page.start + len(page.papers)
    count = f" of {page.total:,}" if page.total is not None else ""
    go_on = f"; go on with start={end}" if page.more else ""
    each = min(SUMMARY, max(100, PAGE // len(page.papers) - HEAD))
    listed = [told(paper, each) for paper in page.papers]
    return "\n\n".join([f"papers {page.start + 1} to {end}{count}{go_on}", *listed])
