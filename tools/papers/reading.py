"""The tools that look a paper up, and read it section by section."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from tools.arguments import Arguments
from tools.documents import Document, Section
from tools.excerpt import EXCERPT, excerpt, shortened
from tools.papers import arxiv, semantic_scholar
from tools.papers.full_text import full_text
from tools.papers.identifiers import arxiv_id, paper_id
from tools.papers.paper import told
from tools.tool import Desk, Tool, ToolFault

READING_SECONDS = 150.0
"""Three sources, three seconds of arXiv's pace before each, a large PDF, and reading it."""
ABSTRACT = 3_000


class OnePaper(Arguments):
    id: Annotated[str, Field(max_length=200)]
    """arXiv id (2305.18290, or 2305.18290v1 for a version), DOI, Semantic Scholar id, or the address of its page."""


class ReadPaper(Arguments):
    id: Annotated[str, Field(max_length=200)]
    """arXiv id, with `v2` at its end for a certain version."""
    section: Annotated[str, Field(max_length=200)] | None = None
    """Its number in the outline, or words of its title; `all` for everything. None: the outline and the abstract."""
    offset: Annotated[int, Field(ge=0)] = 0
    """Where in the section to begin, in characters: for the later parts of a long one."""


async def _details(given: OnePaper, desk: Desk) -> str:
    wanted = paper_id(given.id)
    if wanted.arxiv is None:
        found = await semantic_scholar.details(wanted.at_scholar)
        pdf = found.openAccessPdf.url if found.openAccessPdf and found.openAccessPdf.url else None
        lines = [told(found.paper, ABSTRACT), f"fields: {', '.join(found.fieldsOfStudy or ['unknown'])}"]
        lines += [f"references: {found.referenceCount}"] if found.referenceCount is not None else []
        lines += [f"in short: {found.tldr.text}"] if found.tldr and found.tldr.text else []
        return "\n".join([*lines, f"open access: {pdf}" if pdf else "no open access copy is known"])
    entry = await arxiv.details(wanted.versioned)
    versions = f"version {entry.version}"
    if wanted.version is None:
        versions = (
            f"versions v1 ({entry.published}) to v{entry.version} ({entry.updated})" if entry.version > 1 else "v1 only"
        )
    doi = f"DOI {entry.doi}" if entry.doi else ""
    return "\n".join(line for line in (told(entry.paper, ABSTRACT), versions, doi) if line)


async def _read(given: ReadPaper, desk: Desk) -> str:
    document, source = await full_text(arxiv_id(given.id))
    head = f"{shortened(document.title, 300)} [{source}]"
    if given.section is None:
        return f"{head}\n{_outline(document)}\n\n{excerpt(_abstract(document), given.offset, EXCERPT // 3)}"
    if given.section.strip().lower() == "all":
        return f"{head}\n{excerpt(document.text, given.offset)}"
    first = _place(document, given.section)
    return f"{head}\n{excerpt(_whole(document, first), given.offset)}"


def _outline(document: Document) -> str:
    lines = [
        f"{'  ' * (one.level - 1)}{number}. {shortened(one.title or '(beginning)', 120)} ({len(one.text):,})"
        for number, one in enumerate(document.sections, 1)
    ]
    return "\n".join(["sections (characters):", *lines])[: EXCERPT // 2]


def _abstract(document: Document) -> str:
    named = next((section for section in document.sections if "abstract" in section.title.lower()), None)
    return (named or next((section for section in document.sections if section.text), document.sections[0])).text


def _place(document: Document, wanted: str) -> int:
    """Index of the section that is meant. Raises `ToolFault` with the outline."""
    said, count = wanted.strip().lower(), len(document.sections)
    if said.isdigit() and 1 <= int(said) <= count:
        return int(said) - 1
    for fits in (str.__eq__, str.startswith, str.__contains__):
        for place, section in enumerate(document.sections):
            if fits(section.title.lower(), said):
                return place
    raise ToolFault(
        f"there is no such section: give a number from 1 to {count}, or ask without section for the outline"
    )


def _whole(document: Document, first: int) -> str:
    """A section with its subsections, as Markdown."""
    head, *rest = document.sections[first:]
    inner: list[Section] = []
    for section in rest:
        if section.level <= head.level:
            break
        inner.append(section)
    return Document(title="", sections=(head, *inner)).text


PAPER_DETAILS = Tool(
    "paper_details",
    "One paper: title, authors, whole abstract, dates and versions, categories, venue, DOI. By arXiv id from arXiv, "
    "else from Semantic Scholar.",
    OnePaper,
    _details,
    outside=True,
)
READ_PAPER = Tool(
    "read_paper",
    "The full text of a paper on arXiv. First without a section: its outline and abstract. Then the sections that "
    "matter (method, experiments, hyperparameters in the appendix), one at a time.",
    ReadPaper,
    _read,
    seconds=READING_SECONDS,
    outside=True,
)
