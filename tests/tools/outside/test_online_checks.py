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
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    world.on("/api/models/openai-community/gpt2", Reply({"id": "openai-community/gpt2"}))
    world.on("/api/whoami-v2", Reply({"type": "user", "name": "ada"}))
    world.on("/api/docs/search", Reply([{"text": "a passage"}]))
    world.on("/viewer/is-valid", Reply({"viewer": True, "preview": True}))
    found = {check.name: check for check in await checks()}
    assert {check.state for check in found.values()} == {"ok"}, found
    assert "1706.03762v7" in found["arXiv"].told and found["GitHub"].told == "answers, with GITHUB_TOKEN"
    assert "without SEMANTIC_SCHOLAR_API_KEY" in found["Semantic Scholar"].told
    assert found["Hugging Face token"].told == "is of ada" and "rows are shown" in found["datasets server"].told
    sent = {asked.path for asked in world.asked if "hf_secret" in str(asked.headers)}
    assert sent == {"/api/whoami-v2"}


async def test_services_that_do_not_answer_are_missing(world: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in SERVICES:
        monkeypatch.setenv(variable, "http://127.0.0.1:9")
    found = {check.name: check for check in await checks()}
    assert {check.state for check in found.values()} == {"missing"} and len(found) == 11
    assert "no search engine is configured" in found["web search"].told
    assert "none is set: no gated datasets" in found["Hugging Face token"].told
    unset = ("web search", "Hugging Face token")
    assert all("cannot be reached" in check.told for name, check in found.items() if name not in unset)


async def test_a_token_that_is_not_valid_is_told(world: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    world.on("/api/whoami-v2", Reply({"error": "Invalid username or password."}, 401))
    found = {check.name: check for check in await checks()}
    assert found["Hugging Face token"].state == "missing" and "not valid" in found["Hugging Face token"].told
