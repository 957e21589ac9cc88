"""The doctor's look at the real services: one finding for each, and no exception."""

from __future__ import annotations

import pytest

from tests.tools.outside_world import SERVICES, Reply, Site
from tests.tools.papers.paper_pages import entry, feed
from tools.online import checks


async def test_services_that_answer_are_ok(world: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_TOKEN", "the-token")
    monkeypatch.setenv("POSTDOCS_SEARCH_URL", world.url)
    world.on("/api/query", Reply(feed([entry("1706.03762v7", "Attention")])))
    world.on("/abs/1706.03762", Reply("<html>a page</html>"))
    world.on("/api/papers/1706.03762", Reply({"id": "1706.03762", "title": "Attention"}))
    world.on("/graph/v1/paper/ARXIV:1706.03762", Reply({"paperId": "x", "externalIds": {"ArXiv": "1706.03762"}}))
    world.on("/search", Reply({"results": []}))
    world.on("/github/rate_limit", Reply({"resources": {}}))
    world.on("/raw/huggingface/trl/HEAD/README.md", Reply("# TRL"))
    found = {check.name: check for check in await checks()}
    assert {check.state for check in found.values()} == {"ok"}, found
    assert "1706.03762v7" in found["arXiv"].told and found["GitHub"].told == "answers, with GITHUB_TOKEN"
    assert "without SEMANTIC_SCHOLAR_API_KEY" in found["Semantic Scholar"].told


async def test_services_that_do_not_answer_are_missing(world: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in SERVICES:
        monkeypatch.setenv(variable, "http://127.0.0.1:9")
    found = {check.name: check for check in await checks()}
    assert {check.state for check in found.values()} == {"missing"} and len(found) == 7
    assert "no search engine is configured" in found["web search"].told
    assert all("cannot be reached" in check.told for name, check in found.items() if name != "web search")
