"""Tries each real service of the tools with a tiny request: what `postdocs doctor --online` says about them."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from typing import Literal, NamedTuple

from tools import hub_client
from tools.code.github import GITHUB, RAW
from tools.hub import viewer
from tools.hub.docs import found as documentation
from tools.hub.inspect_dataset import Valid
from tools.hub.services import INSTEAD, hub_token
from tools.papers import arxiv, hub
from tools.papers import semantic_scholar as scholar
from tools.papers.services import ARXIV_PAGES, SEMANTIC_SCHOLAR
from tools.service import Service
from tools.tool import ToolFault
from tools.web.engines import NONE, engine, hits

SECONDS = 45.0
PAPER = "1706.03762"
"""A paper that every service knows."""
MODEL, DATASET = "openai-community/gpt2", "cornell-movie-review-data/rotten_tomatoes"
"""Open to everybody, and small."""
SENTENCE = re.compile(r"(?<=[.?]) (?=[A-Z])")
"""What follows the first one is advice for a mind."""


class Check(NamedTuple):
    name: str
    state: Literal["ok", "missing"]
    told: str


async def checks() -> list[Check]:
    """One finding a service, all asked at the same time. Never raises."""
    asked: dict[str, Callable[[], Awaitable[str]]] = {
        "arXiv": _arxiv,
        "arXiv full text": _pages,
        "Hugging Face Hub": _repositories,
        "Hugging Face token": _token,
        "Hugging Face docs": _documentation,
        "Hugging Face papers": _hub,
        "datasets server": _datasets,
        "Semantic Scholar": _scholar,
        "web search": _web,
        "GitHub": _github,
        "GitHub files": _raw,
    }
    return list(await asyncio.gather(*(_try(name, call) for name, call in asked.items())))


async def _try(name: str, call: Callable[[], Awaitable[str]]) -> Check:
    try:
        async with asyncio.timeout(SECONDS):
            return Check(name, "ok", await call())
    except ToolFault as error:
        return Check(name, "missing", SENTENCE.split(str(error))[0].rstrip("."))
    except TimeoutError:
        return Check(name, "missing", f"no answer within {SECONDS:.0f} s")


async def _arxiv() -> str:
    entry = await arxiv.details(PAPER)
    return f"answers ({entry.id}v{entry.version})"


async def _pages() -> str:
    answer = ARXIV_PAGES.accepted(await ARXIV_PAGES.get(f"/abs/{PAPER}"))
    return f"answers ({len(answer.content):,} bytes)"


async def _hub() -> str:
    info = await hub.ask(lambda api: api.paper_info(PAPER))
    return f"answers ({info.id})"


async def _repositories() -> str:
    info = await hub_client.ask(lambda api: api.model_info(MODEL), INSTEAD)
    return f"answers ({info.id})"


async def _token() -> str:
    """Who it belongs to; whether it may write is not asked."""
    token = hub_token()
    if token is None:
        raise ToolFault("none is set: no gated datasets, no `postdocs push`; `hf auth login`, or set HF_TOKEN")
    who = await hub_client.ask(lambda api: api.whoami(), INSTEAD, token=token)
    return f"is of {who['name']}"


async def _documentation() -> str:
    return f"answers ({len(await documentation('GRPO trainer', 'trl'))} passages)"


async def _datasets() -> str:
    valid = await viewer.ask("/is-valid", DATASET, {}, Valid)
    return f"answers ({DATASET}: {'rows are shown' if valid.viewer else 'no rows'})"


async def _scholar() -> str:
    found = await scholar.details(f"ARXIV:{PAPER}")
    return f"answers ({found.id}), {_keyed(SEMANTIC_SCHOLAR)}"


async def _web() -> str:
    chosen = engine()
    if chosen is None:
        raise ToolFault(NONE)
    found = await hits("language model", 1, 3)
    return f"{chosen.name} answers ({len(found)} results)"


async def _github() -> str:
    GITHUB.accepted(await GITHUB.get("/rate_limit"))
    return f"answers, {_keyed(GITHUB)}" + ("" if GITHUB.secret else ": no code search")


async def _raw() -> str:
    answer = RAW.accepted(await RAW.get("/huggingface/trl/HEAD/README.md"))
    return f"answers ({len(answer.content):,} bytes)"


def _keyed(service: Service) -> str:
    return f"with {service.key}" if service.secret else f"without {service.key}"
