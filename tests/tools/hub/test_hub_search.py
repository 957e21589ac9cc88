"""Searches of the Hub, through its own client: filters, pages, what is told of each, and that no token goes along."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from tests.tools.hub.hub_pages import dataset, model
from tests.tools.outside_world import BROKEN, BUSY, Asked, Reply, Site, use
from tools.http import Unreachable
from tools.hub.search_datasets import SEARCH_DATASETS
from tools.hub.search_models import SEARCH_MODELS
from tools.tool import Tool, ToolFault

SEARCHES = [(SEARCH_DATASETS, "/api/datasets"), (SEARCH_MODELS, "/api/models")]


async def test_datasets_with_all_filters(world: Site) -> None:
    world.on("/api/datasets", Reply([dataset("ada/sums", gated="auto", description="Sums\n with working")]))
    told = await use(
        SEARCH_DATASETS, query="sums", task="question-answering", language="en", size="1K<n<10K", licence="mit",
        author="ada", sort="updated",
    )  # fmt: skip
    assert told.splitlines() == [
        "datasets 1 to 1",
        "- ada/sums (1,200 downloads, 30 likes, gated, updated 2026-01-02): licence mit; tasks question-answering; "
        "language en; size 1K<n<10K; Sums with working",
    ]
    asked = world.asked[0]
    assert asked.query["search"] == "sums" and asked.query["author"] == "ada" and asked.query["sort"] == "lastModified"
    assert asked.values["filter"] == [
        "license:mit", "language:en", "size_categories:1K<n<10K", "task_categories:question-answering"
    ]  # fmt: skip


async def test_models_with_all_filters(world: Site) -> None:
    world.on("/api/models", Reply([model("ada/small")]))
    told = await use(
        SEARCH_MODELS, query="small", task="text-generation", library="transformers", language="en",
        licence="apache-2.0", author="ada", least_parameters="500M", most_parameters="2B", trained_on="ada/sums",
        base_model="ada/base", sort="downloads",
    )  # fmt: skip
    assert told.splitlines()[1] == (
        "- ada/small (5,000 downloads, 9 likes, updated 2026-02-03): 1,720,574,976 parameters; text-generation; "
        "transformers; licence apache-2.0; from ada/base"
    )
    asked = world.asked[0]
    assert asked.query["num_parameters"] == "min:500M,max:2B" and asked.query["pipeline_tag"] == "text-generation"
    assert asked.values["filter"] == [
        "license:apache-2.0", "en", "base_model:ada/base", "transformers", "dataset:ada/sums"
    ]  # fmt: skip


@pytest.mark.parametrize(("tool", "path"), SEARCHES, ids=["datasets", "models"])
async def test_pages_go_on_over_the_hubs_own(world: Site, tool: Tool, path: str) -> None:
    make = dataset if tool is SEARCH_DATASETS else model

    def found(asked: Asked) -> Reply:
        first = int(asked.query.get("cursor", "0"))
        more = {"Link": f'<{world.url}{path}?cursor={first + 2}>; rel="next"'} if first < 4 else {}
        return Reply([make(f"ada/n{n}") for n in range(first, min(first + 2, 5))], headers=more)

    world.on(path, found)
    first = await use(tool, query="n", limit=2)
    assert first.splitlines()[0].endswith("1 to 2; go on with start=2") and "ada/n1" in first and "ada/n2" not in first
    last = await use(tool, query="n", limit=2, start=4)
    assert last.splitlines()[0].endswith("5 to 5") and "ada/n4" in last
    assert "no further" in await use(tool, query="n", limit=2, start=10)
    world.on(path, Reply([]))
    assert "use fewer words or filters" in await use(tool, query="n")


@pytest.mark.parametrize(("tool", "path"), SEARCHES, ids=["datasets", "models"])
async def test_a_busy_hub_is_asked_again_when_it_lists_and_not_as_long_as_it_wishes(
    world: Site, tool: Tool, path: str
) -> None:
    world.on(path, BUSY, BROKEN, Reply([]))
    assert "is found" in await use(tool)
    assert len(world.asked) == 3
    world.on(path, BUSY)
    with pytest.raises(ToolFault, match=r"answers 429 3 times: try later\. Go on with the task's own sources"):
        await use(tool)
    assert len(world.asked) == 6


async def test_a_limit_of_an_hour_is_not_waited_for(world: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tools.hub_client.MOST_WAIT", 0.01)
    world.on("/api/models", Reply({"error": "Too Many Requests"}, 429, {"Retry-After": "3600"}))
    with pytest.raises(ToolFault, match="answers 429 3 times"):
        await use(SEARCH_MODELS)


@pytest.mark.parametrize("tool", [SEARCH_DATASETS, SEARCH_MODELS], ids=["datasets", "models"])
async def test_without_a_network_it_is_said_at_once(world: Site, monkeypatch: pytest.MonkeyPatch, tool: Tool) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(Unreachable, match="the Hugging Face Hub cannot be reached"):
        await use(tool)


@pytest.mark.parametrize(("tool", "path"), SEARCHES, ids=["datasets", "models"])
async def test_no_token_is_taken_along(world: Site, monkeypatch: pytest.MonkeyPatch, tool: Tool, path: str) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    world.on(path, Reply([]))
    await use(tool)
    assert world.asked and "hf_secret" not in str(world.asked)


@pytest.mark.parametrize(
    "given",
    [{"licence": "mit&token=x"}, {"author": "../api"}, {"least_parameters": "many"}, {"base_model": "a/b/c"}, {"x": 1}],
)
async def test_a_filter_is_a_plain_word(world: Site, given: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        await use(SEARCH_MODELS, **given)
