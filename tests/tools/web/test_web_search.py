"""The web is searched through the engine that the user has configured, and through no other."""

from __future__ import annotations

import pytest

from tests.tools.outside_world import BUSY, Reply, Site, use
from tools.tool import ToolFault
from tools.web.search import WEB_SEARCH


def searx(*names: str) -> Reply:
    found = [
        {"url": f"https://{name}.org/", "title": name, "content": f"about {name}", "engine": "x"} for name in names
    ]
    return Reply({"query": "q", "number_of_results": 0, "results": found, "answers": [], "suggestions": []})


def brave(*names: str) -> Reply:
    found = [{"url": f"https://{name}.org/", "title": name, "description": f"about {name}"} for name in names]
    return Reply({"type": "search", "web": {"type": "search", "results": found}})


async def test_without_an_engine_it_says_so_and_what_to_use_instead(world: Site) -> None:
    with pytest.raises(ToolFault, match=r"no search engine is configured .*Use `search_papers`"):
        await use(WEB_SEARCH, query="dpo beta")
    assert not world.asked


async def test_a_searxng_instance_is_asked_for_json(world: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSTDOCS_SEARCH_URL", f"{world.url}/")
    world.on("/search", searx("one", "two", "three"))
    told = await use(WEB_SEARCH, query="dpo beta", page=2, limit=2)
    assert told == "https://one.org/\none\nabout one\n\nhttps://two.org/\ntwo\nabout two"
    assert world.asked[0].query == {"q": "dpo beta", "format": "json", "pageno": "2"}


async def test_an_instance_that_gives_no_json_is_told(world: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSTDOCS_SEARCH_URL", world.url)
    world.on("/search", Reply("Forbidden", 403))
    with pytest.raises(ToolFault, match="does not answer in JSON"):
        await use(WEB_SEARCH, query="dpo beta")


async def test_brave_gets_its_key_and_counts_pages_from_zero(world: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BRAVE_API_KEY", "the-key")
    world.on("/brave/res/v1/web/search", BUSY, brave("one"))
    assert await use(WEB_SEARCH, query="dpo beta", page=3, limit=5) == "https://one.org/\none\nabout one"
    assert world.asked[1].query == {"q": "dpo beta", "count": "5", "offset": "2"}
    assert world.asked[1].headers["x-subscription-token"] == "the-key"
    with pytest.raises(ToolFault, match="no page behind 10"):
        await use(WEB_SEARCH, query="dpo beta", page=11)


async def test_a_refused_key_is_named_and_not_shown(world: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BRAVE_API_KEY", "the-key")
    world.on("/brave/res/v1/web/search", Reply({"error": {"code": "SUBSCRIPTION_TOKEN_INVALID"}}, 401))
    with pytest.raises(ToolFault, match="is BRAVE_API_KEY set, and right") as caught:
        await use(WEB_SEARCH, query="dpo beta")
    assert "the-key" not in str(caught.value)


async def test_the_users_own_instance_comes_before_brave(world: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BRAVE_API_KEY", "the-key")
    monkeypatch.setenv("POSTDOCS_SEARCH_URL", world.url)
    world.on("/search", searx())
    assert "nothing was found: use other words" in await use(WEB_SEARCH, query="dpo beta")
    assert "the-key" not in str(world.asked)


async def test_brave_without_web_results(world: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BRAVE_API_KEY", "the-key")
    world.on("/brave/res/v1/web/search", Reply({"type": "search"}))
    assert "nothing was found on this page" in await use(WEB_SEARCH, query="dpo beta", page=2)
