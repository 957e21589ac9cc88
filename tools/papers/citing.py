"""The tools that go from paper to paper: citations and references, recommendations, passages that say a thing."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from tools.arguments import Arguments
from tools.excerpt import shortened
from tools.papers import semantic_scholar
from tools.papers.identifiers import paper_id
from tools.papers.paper import Page, told, told_page
from tools.papers.reading import OnePaper
from tools.papers.semantic_scholar import Citation
from tools.tool import Desk, Tool, ToolFault

CONTEXT, SNIPPET = 250, 1_200
"""Characters of a sentence that cites, and of a passage."""


class PaperCitations(OnePaper):
    direction: Literal["citations", "references"] = "citations"
    """citations: who cites it, and with which words; references: whom it cites."""
    start: Annotated[int, Field(ge=0, le=9_000)] = 0
    limit: Annotated[int, Field(ge=1, le=10)] = 8


class RecommendPapers(OnePaper):
    pool: Literal["recent", "all-cs"] = "recent"
    """recent: the last weeks' papers; all-cs: all of computer science."""
    limit: Annotated[int, Field(ge=1, le=20)] = 8


class SearchSnippets(Arguments):
    query: Annotated[str, Field(min_length=3, max_length=300)]
    """What the passage should say: `learning rate of DPO with LoRA`."""
    paper: Annotated[str, Field(max_length=200)] | None = None
    """Only in this paper (arXiv id, DOI, Semantic Scholar id)."""
    year: Annotated[str, Field(pattern=r"^(\d{4}|\d{4}-(\d{4})?|-\d{4})$")] | None = None
    """2024, 2022-2025, 2023- or -2020."""
    limit: Annotated[int, Field(ge=1, le=8)] = 5


async def _citations(given: PaperCitations, desk: Desk) -> str:
    wanted = paper_id(given.id).at_scholar
    found = await semantic_scholar.citations(wanted, given.direction, given.start, given.limit)
    listed = found.data or []
    page = Page([paper.paper for one in listed if (paper := one.citingPaper or one.citedPaper)], given.start)
    if not page.papers:
        return f"Semantic Scholar knows no {'further ' if given.start else ''}{given.direction} of it"
    more = f"; go on with start={found.next}" if found.next is not None else ""
    return "\n\n".join([f"{given.direction} from {given.start + 1}{more}", *map(_cited, listed)])


def _cited(one: Citation) -> str:
    paper = one.citingPaper or one.citedPaper
    if paper is None:
        return "(unknown)"
    how = ", ".join(one.intents or ()) + (" (influential)" if one.isInfluential else "")
    words = [f"“{shortened(context, CONTEXT)}”" for context in (one.contexts or ())[:2]]
    return "\n".join(line for line in (told(paper.paper, CONTEXT), how, *words) if line)


async def _recommend(given: RecommendPapers, desk: Desk) -> str:
    found = await semantic_scholar.recommendations(paper_id(given.id).at_scholar, given.pool, given.limit)
    return told_page(Page([one.paper for one in found]), "nothing is recommended for it: try the other pool")


async def _snippets(given: SearchSnippets, desk: Desk) -> str:
    paper = paper_id(given.paper).at_scholar if given.paper else None
    found = await semantic_scholar.snippets(given.query, given.limit, paper, given.year)
    if not found:
        raise ToolFault("no passage says such a thing: use other words, or search_papers")
    return "\n\n".join(
        f"CorpusId:{one.paper.corpusId} {shortened(one.paper.title or '', 200)}"
        f" [{one.snippet.section or one.snippet.snippetKind or 'text'}]\n{shortened(one.snippet.text, SNIPPET)}"
        for one in found
    )


PAPER_CITATIONS = Tool(
    "paper_citations",
    "Who cites a paper, with which words and how influentially, or whom it cites (Semantic Scholar).",
    PaperCitations,
    _citations,
    outside=True,
)
RECOMMEND_PAPERS = Tool(
    "recommend_papers",
    "Papers like one that has proved useful (Semantic Scholar).",
    RecommendPapers,
    _recommend,
    outside=True,
)
SEARCH_SNIPPETS = Tool(
    "search_snippets",
    "Passages from inside papers that say a certain thing: a setting, a number, a finding (Semantic Scholar).",
    SearchSnippets,
    _snippets,
    outside=True,
)
