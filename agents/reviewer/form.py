"""The Reviewer's form: techniques with citations. Facts of the base model are read by code, not by the model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field

from agents import digest
from agents.form import BadForm, Form
from agents.reviewer.knowledge import STRATEGIES, Hit, load_knowledge, search
from agents.reviewer.playbook import model_facts
from agents.role import Ask
from protocol.message import Part
from protocol.research import Citation, Review, ReviewRequest, Technique
from tools.arguments import Arguments
from tools.hub import HUB_SOURCES
from tools.papers import LITERATURE
from tools.tool import Desk, Tool
from tools.web import WEB

MOST = 20


class Finding(Part):
    """One technique."""

    id: str
    """The id in the bundled knowledge, or a short name of your own."""
    name: str
    strategy: str
    summary: str
    why: str
    """Why it fits this problem."""
    recipe: dict[str, str | int | float | bool] = {}
    citations: tuple[Citation, ...] = ()


class ReviewForm(Part):
    """What is known about this problem?"""

    summary: str
    techniques: Annotated[tuple[Finding, ...], Field(min_length=1, max_length=MOST)]


class SearchKnowledge(Arguments):
    query: str
    """A few words: the problem, or the technique."""
    strategy: str | None = None
    limit: int = Field(default=6, ge=1, le=15)


async def _search(given: SearchKnowledge, desk: Desk) -> str:
    hits = search(given.query, limit=given.limit, strategy=given.strategy)
    return "\n\n".join(map(_told, hits)) or f"nothing; strategies: {', '.join(STRATEGIES)}"


def _told(hit: Hit) -> str:
    entry = hit.entry
    cited = "; ".join(f"{c.authors} {c.year}, {c.title}, arXiv:{c.arxiv}" for c in entry.citations)
    return f"{entry.id} [{entry.strategy}] {entry.name}: {entry.summary}\nrecipe: {dict(entry.recipe)}\ncited: {cited}"


SEARCH_KNOWLEDGE = Tool(
    "search_knowledge",
    "Searches the crew's bundled knowledge of post-training techniques (no network): id, summary, recipe, citations.",
    SearchKnowledge,
    _search,
)


def tell(request: ReviewRequest) -> str:
    facts = model_facts(Path(request.task_folder) / request.task.base_model)
    return (
        f"{digest.brief(request.task)}\nThe base model: {facts.model_dump_json()}.\nWhat is known about this problem?"
    )


async def complete(request: ReviewRequest, filled: ReviewForm, ask: Ask) -> Review:
    """The review. Raises `BadForm` for a strategy that there is not, and for a technique that names no source."""
    known = {entry.id: entry for entry in load_knowledge()}
    techniques = []
    for finding in filled.techniques:
        if finding.strategy not in STRATEGIES:
            raise BadForm(f"{finding.id}: there is no strategy {finding.strategy!r}, only {', '.join(STRATEGIES)}")
        cited = finding.citations or _of(known.get(finding.id))
        if not cited:
            raise BadForm(f"{finding.id}: cite where it comes from")
        techniques.append(Technique(**finding.model_dump(exclude={"citations"}), citations=cited))
    facts = model_facts(Path(request.task_folder) / request.task.base_model)
    return Review(summary=filled.summary, model=facts, techniques=tuple(techniques))


def _of(entry: object) -> tuple[Citation, ...]:
    cited = getattr(entry, "citations", ())
    return tuple(Citation(title=c.title, authors=c.authors, year=c.year, arxiv=c.arxiv) for c in cited)


TOOLS = (SEARCH_KNOWLEDGE, *LITERATURE, *WEB, *HUB_SOURCES)
FORM = Form(ReviewForm, tell, complete, tuple(tool.name for tool in TOOLS))
