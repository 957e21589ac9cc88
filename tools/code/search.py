"""The tools that search GitHub: code, and repositories."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from tools.arguments import Arguments
from tools.code.github import GITHUB, INSTEAD, Repository, ask
from tools.excerpt import shortened
from tools.hub.held_out import is_held_code
from tools.tool import Desk, Tool, ToolFault

MATCHES = "application/vnd.github.text-match+json"
FRAGMENT = 500
"""Characters of a match."""
NEEDS_TOKEN = (
    "code search on GitHub needs a token, and none is set (GITHUB_TOKEN). Use find_examples, search_repositories and "
    "read_code, which need none."
)


class SearchCode(Arguments):
    query: Annotated[str, Field(min_length=2, max_length=256)]
    """Words that the file contains: `GRPOConfig num_generations`."""
    repository: Repository | None = None
    """Only here: huggingface/trl."""
    language: Annotated[str, Field(pattern=r"^[A-Za-z+#]+$", max_length=30)] | None = "python"
    path: Annotated[str, Field(pattern=r"^[\w./-]+$", max_length=200)] | None = None
    """Only below this folder."""
    page: Annotated[int, Field(ge=1, le=50)] = 1
    limit: Annotated[int, Field(ge=1, le=10)] = 6


class SearchRepositories(Arguments):
    query: Annotated[str, Field(min_length=2, max_length=256)]
    """Words, and GitHub's qualifiers: `dpo training language:python stars:>100`."""
    sort: Literal["best", "stars", "updated"] = "best"
    page: Annotated[int, Field(ge=1, le=50)] = 1
    limit: Annotated[int, Field(ge=1, le=15)] = 8


class Licence(BaseModel):
    spdx_id: str | None = None


class FoundRepository(BaseModel):
    full_name: str
    description: str | None = None
    stargazers_count: int = 0
    pushed_at: str | None = None
    archived: bool = False
    license: Licence | None = None


class Repositories(BaseModel):
    total_count: int = 0
    items: list[FoundRepository] = []


class Match(BaseModel):
    fragment: str | None = None


class Named(BaseModel):
    full_name: str


class FoundCode(BaseModel):
    path: str
    repository: Named
    text_matches: list[Match] = []


class Codes(BaseModel):
    total_count: int = 0
    items: list[FoundCode] = []


async def _code(given: SearchCode, desk: Desk) -> str:
    if not GITHUB.secret:
        raise ToolFault(f"{NEEDS_TOKEN} {INSTEAD}")
    qualifiers = {"repo": given.repository, "language": given.language, "path": given.path}
    query = " ".join([given.query, *(f"{name}:{value}" for name, value in qualifiers.items() if value)])
    params = {"q": query, "per_page": given.limit, "page": given.page}
    found = await ask("/search/code", params, Codes, MATCHES)
    told = [_told(one, closed=is_held_code(desk, one.repository.full_name, one.path)) for one in found.items]
    return _listed(found.total_count, told, given.page, given.limit)


def _told(one: FoundCode, *, closed: bool) -> str:
    """`closed`: it holds the task's test split."""
    if closed:
        return f"{one.repository.full_name} {one.path}\n[closed: it holds this task's test split]"
    fragments = [match.fragment.strip()[:FRAGMENT] for match in one.text_matches[:2] if match.fragment]
    return "\n".join([f"{one.repository.full_name} {one.path}", *fragments])


async def _repositories(given: SearchRepositories, desk: Desk) -> str:
    params = {"q": given.query, "sort": None if given.sort == "best" else given.sort}
    params |= {"per_page": str(given.limit), "page": str(given.page)}
    found = await ask("/search/repositories", params, Repositories)
    told = [
        f"{one.full_name} ({one.stargazers_count:,} stars, last push {(one.pushed_at or 'unknown')[:10]}, "
        f"{(one.license and one.license.spdx_id) or 'no licence'}{', archived' if one.archived else ''})\n"
        f"{shortened(one.description or '', 300)}"
        for one in found.items
    ]
    return _listed(found.total_count, told, given.page, given.limit)


def _listed(total: int, told: list[str], page: int, limit: int) -> str:
    if not told:
        return "nothing was found" + (" on this page" if page > 1 else ": use fewer or other words")
    more = f"; go on with page={page + 1}" if page * limit < min(total, 1_000) else ""
    return "\n\n".join([f"{total:,} found{more}", *told])


SEARCH_CODE = Tool(
    "search_code",
    "Searches code on GitHub, with the lines that match: how others call a class, or set an argument.",
    SearchCode,
    _code,
    outside=True,
)
SEARCH_REPOSITORIES = Tool(
    "search_repositories",
    "Searches repositories on GitHub: name, stars, licence, last push.",
    SearchRepositories,
    _repositories,
    outside=True,
)
