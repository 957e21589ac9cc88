"""Papers on the Hub, through the Hub's own client: search, daily papers, what is linked, what was trained on."""

from __future__ import annotations

import threading
from collections.abc import Callable

import httpx2
import pytest

from tests.tools.outside_world import BROKEN, BUSY, Asked, Reply, Site, use
from tools import hub_client
from tools.http import Unreachable
from tools.papers.links import PAPER_DATASETS, PAPER_LINKS
from tools.papers.search import SEARCH_PAPERS
from tools.tool import ToolFault


def paper(identifier: str, title: str) -> dict[str, object]:
    inner = {
        "id": identifier,
        "authors": [{"_id": "1", "name": "Ada One", "hidden": False}],
        "publishedAt": "2023-05-29T17:57:46.000Z",
        "summary": "We shorten rewards.",
        "upvotes": 12,
    }
    return {"paper": inner, "title": title, "publishedAt": "2023-05-30T00:00:00.000Z", "numComments": 1}


def model(name: str, downloads: int, *tags: str) -> dict[str, object]:
    return {"_id": name, "id": name, "modelId": name, "downloads": downloads, "likes": 1, "tags": list(tags)}


def dataset(name: str, gated: object = False) -> dict[str, object]:
    return {"_id": name, "id": name, "downloads": 5, "likes": 1, "tags": ["arxiv:2305.00001"], "gated": gated}


async def test_search_and_its_pages(world: Site) -> None:
    def found(asked: Asked) -> Reply:
        return Reply([paper(f"2305.0000{n}", f"Paper {n}") for n in range(5)][: int(asked.query["limit"])])

    world.on("/api/papers/search", found)
    told = await use(SEARCH_PAPERS, source="huggingface", query="short rewards", limit=2)
    assert told.startswith("papers 1 to 2; go on with start=2") and "2305.00000 (2023-05-29) Paper 0. Ada One" in told
    assert "12 upvotes" in told and world.asked[0].query["q"] == "short rewards"
    last = await use(SEARCH_PAPERS, source="huggingface", query="short rewards", limit=2, start=4)
    assert last.startswith("papers 5 to 5\n")


async def test_the_papers_of_a_day(world: Site) -> None:
    world.on("/api/daily_papers", Reply([paper("2305.00001", "Today's")]))
    assert "Today's" in await use(SEARCH_PAPERS, source="huggingface_daily", since="2025-10-29")
    assert world.asked[0].query["date"] == "2025-10-29"


async def test_no_more_daily_papers_are_asked_for_than_the_hub_gives(world: Site) -> None:
    def some(asked: Asked) -> Reply:
        count = int(asked.query["limit"])
        return Reply([paper(f"2305.{n:05}", "One") for n in range(count)]) if count <= 100 else Reply({}, 400)

    world.on("/api/daily_papers", some)
    told = await use(SEARCH_PAPERS, source="huggingface_daily", start=90, limit=20)
    assert told.startswith("papers 91 to 100\n")
    assert "no paper fits" in await use(SEARCH_PAPERS, source="huggingface_daily", start=100)


async def test_what_is_linked_to_a_paper(world: Site) -> None:
    page = {
        "id": "2305.00001",
        "title": "Short Rewards",
        "githubRepo": "https://github.com/ada/short",
        "numTotalModels": 40,
        "numTotalDatasets": 1,
        "linkedSpaces": [{"id": "ada/demo"}],
    }
    world.on("/api/papers/2305.00001", Reply(page))
    world.on("/api/models", Reply([model("ada/short-7b", 1200)]))
    world.on("/api/datasets", Reply([dataset("ada/rewards", "manual")]))
    told = await use(PAPER_LINKS, id="2305.00001v2")
    assert "code: https://github.com/ada/short" in told and "models (40 in all): ada/short-7b (1,200 downloads)" in told
    assert "datasets: ada/rewards (5 downloads, gated)" in told and "spaces: ada/demo" in told
    assert {asked.query.get("filter") for asked in world.asked} == {"arxiv:2305.00001", None}


async def test_a_paper_without_a_page_and_without_links(world: Site) -> None:
    world.on("/api/models", Reply([]), Reply([model("ada/short-7b", 3)]))
    world.on("/api/datasets", Reply([]))
    assert "nothing on the Hub is linked" in await use(PAPER_LINKS, id="2305.00001")
    assert "models: ada/short-7b" in await use(PAPER_LINKS, id="2305.00001")


async def test_what_a_paper_trained_on_is_what_its_models_cards_name(world: Site) -> None:
    tags = ("arxiv:2305.00001", "dataset:ada/rewards", "base_model:org/base", "base_model:finetune:org/base")
    first = [model("ada/short-7b", 9, *tags), model("bo/other", 2, "dataset:ada/rewards", "dataset:bo/more")]

    def models(asked: Asked) -> Reply:
        if "cursor" in asked.query:
            return Reply([model("cy/third", 1, "dataset:bo/more", "base_model:org/tiny")])
        return Reply(first, headers={"Link": f'<{world.url}/api/models?cursor=2>; rel="next"'})

    world.on("/api/models", models)
    world.on("/api/datasets", Reply([dataset("ada/rewards")]))
    told = await use(PAPER_DATASETS, id="2305.00001")
    assert told.startswith("3 models on the Hub name arXiv:2305.00001")
    assert "trained on: ada/rewards (said by 2), bo/more (said by 2)" in told
    assert "from base models: org/base (1), org/tiny (1)" in told
    assert "datasets that name the paper: ada/rewards" in told


async def test_no_trace_on_the_hub_is_said(world: Site) -> None:
    world.on("/api/models", Reply([]))
    world.on("/api/datasets", Reply([]))
    assert "look in its text" in await use(PAPER_DATASETS, id="2305.00001")


async def test_no_token_is_sent(world: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    for path in ("/api/models", "/api/datasets", "/api/papers/search"):
        world.on(path, Reply([]))
    await use(PAPER_LINKS, id="2305.00001")
    await use(SEARCH_PAPERS, source="huggingface", query="x")
    assert len(world.asked) == 4 and "hf_secret" not in str(world.asked)


async def test_a_busy_hub_is_asked_again_and_then_given_up(world: Site) -> None:
    world.on("/api/papers/search", BUSY, BROKEN, Reply([paper("2305.00001", "Found")]))
    assert "Found" in await use(SEARCH_PAPERS, source="huggingface", query="x")
    assert len(world.asked) == 3
    world.on("/api/papers/search", BUSY)
    with pytest.raises(ToolFault, match=r"answers 429 3 times: try later\. Use `search_knowledge`"):
        await use(SEARCH_PAPERS, source="huggingface", query="x")


async def test_offline_mode_is_said_plainly(world: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(Unreachable, match=r"Hub cannot be reached .*Use `search_knowledge`"):
        await use(SEARCH_PAPERS, source="huggingface", query="x")
    assert not world.asked


async def test_a_hub_that_hangs_is_given_up_and_holds_up_nothing(world: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_client, "CALL_SECONDS", 0.2)
    world.otherwise = Reply([], seconds=3.0)
    with pytest.raises(Unreachable, match="did not answer within 0 s"):
        await use(PAPER_LINKS, id="2305.00001")
    waiting = [thread for thread in threading.enumerate() if thread.name == "hub"]
    assert waiting and all(thread.daemon for thread in waiting)


async def test_the_hubs_connections_have_a_limit_even_when_it_lists(
    world: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The client lists without any timeout of its own, and would wait for ever. An upload's patience is not ours."""
    monkeypatch.setattr(hub_client, "_ELSEWHERE", dict(hub_client._ELSEWHERE))
    hub_client.bounded(120.0)
    limits: list[object] = []
    monkeypatch.setattr(httpx2.HTTPTransport, "handle_request", _noting(limits))
    world.on("/api/models", Reply([]))
    world.on("/api/datasets", Reply([]))
    await use(PAPER_LINKS, id="2305.00001")
    assert len(limits) == 3 and all(
        limit == dict.fromkeys(("connect", "read", "write", "pool"), 20.0) for limit in limits
    )


def _noting(limits: list[object]) -> Callable[[httpx2.HTTPTransport, httpx2.Request], httpx2.Response]:
    real = httpx2.HTTPTransport.handle_request

    def handle(transport: httpx2.HTTPTransport, request: httpx2.Request) -> httpx2.Response:
        limits.append(request.extensions["timeout"])
        return real(transport, request)

    return handle
