"""The documentation on the Hub: search and pages, of the version that one wants, and of nowhere else."""

from __future__ import annotations

import pytest

from tests.tools.outside_world import BUSY, Reply, Site, use
from tools.http import Unreachable
from tools.hub.docs import READ_DOCS, SEARCH_DOCS
from tools.service import Missing
from tools.tool import ToolFault

PASSAGE = {
    "text": "Set <code>num_generations</code>\n\nto the group's size.",
    "product": "trl",
    "heading1": "GRPO Trainer",
    "heading2": "GRPOConfig",
    "source_page_url": "https://huggingface.co/docs/trl/grpo_trainer#trl.GRPOConfig",
    "source_page_title": "Grpo trainer",
}
MARKDOWN = {"Content-Type": "text/markdown; charset=utf-8"}


async def test_passages_with_their_pages(world: Site) -> None:
    world.on("/api/docs/search", Reply([PASSAGE, PASSAGE | {"heading1": None, "heading2": None, "text": "x" * 5_000}]))
    told = await use(SEARCH_DOCS, query="GRPOConfig num_generations", product="trl", limit=2)
    assert told.startswith(
        "GRPO Trainer › GRPOConfig [trl]\nhttps://huggingface.co/docs/trl/grpo_trainer#trl.GRPOConfig\n"
        "Set num_generations to the group's size.\n\nGrpo trainer [trl]"
    )
    assert len(told) < 1_500 and world.asked[0].query == {"q": "GRPOConfig num_generations", "product": "trl"}
    world.on("/api/docs/search", Reply([]))
    assert "nothing in the documentation fits" in await use(SEARCH_DOCS, query="nothing at all")


@pytest.mark.parametrize(
    ("page", "asked"),
    [
        ("https://huggingface.co/docs/trl/grpo_trainer#trl.GRPOConfig", "/docs/trl/grpo_trainer"),
        ("trl/v1.16.0/en/grpo_trainer", "/docs/trl/v1.16.0/en/grpo_trainer"),
        ("/docs/trl/grpo_trainer", "/docs/trl/grpo_trainer"),
        ("hf.co/docs/trl", "/docs/hf.co/docs/trl"),
    ],
)
async def test_a_page_is_named_by_its_address_or_place(world: Site, page: str, asked: str) -> None:
    world.on(asked, Reply("# GRPO\n\nGroup relative.", headers=MARKDOWN))
    told = await use(READ_DOCS, page=page)
    assert told == f"{asked}\n\n# GRPO\n\nGroup relative." and world.asked[0].path == asked
    assert "text/markdown" in world.asked[0].headers["accept"]


async def test_a_page_of_html_is_read_as_text(world: Site) -> None:
    world.on("/docs/trl/x", Reply("<html><body><main><h1>GRPO</h1><p>Relative.</p></main></body></html>"))
    assert "# GRPO" in (told := await use(READ_DOCS, page="trl/x")) and "Relative." in told and "<p>" not in told


async def test_a_long_page_is_read_in_parts(world: Site) -> None:
    world.on("/docs/trl/x", Reply("word " * 5_000 + "the end", headers=MARKDOWN))
    assert "go on with offset=10000]" in await use(READ_DOCS, page="trl/x")
    assert "the end" in await use(READ_DOCS, page="trl/x", offset=20_000)
    world.on("/docs/trl/x", Reply("word " * 5_000_000, headers=MARKDOWN))
    assert len(await use(READ_DOCS, page="trl/x")) < READ_DOCS.characters


@pytest.mark.parametrize(
    "page",
    [
        "https://evil.example/docs/trl/x", "https://huggingface.co/ada/small", "http://127.0.0.1:1/docs/x",
        "../api/whoami-v2", "file:///etc/passwd", "trl/x?token=1 2",
    ],
)  # fmt: skip
async def test_no_other_page_is_read(world: Site, page: str) -> None:
    with pytest.raises(ToolFault):
        await use(READ_DOCS, page=page)
    assert all(asked.path.startswith("/docs/") for asked in world.asked)


async def test_errors_are_told(world: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Missing, match="the documentation has no page 'trl/nowhere'"):
        await use(READ_DOCS, page="trl/nowhere")
    world.on("/api/docs/search", BUSY)
    with pytest.raises(ToolFault, match="answers 429 3 times"):
        await use(SEARCH_DOCS, query="anything")
    world.on("/docs/trl/x", Reply(b"\x89PNG\0\0"))
    with pytest.raises(ToolFault, match="is no text"):
        await use(READ_DOCS, page="trl/x")
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(Unreachable, match="Hugging Face Hub cannot be reached"):
        await use(SEARCH_DOCS, query="anything")


async def test_no_token_is_taken_along(world: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    world.on("/api/docs/search", Reply([]))
    world.on("/docs/trl/x", Reply("text", headers=MARKDOWN))
    await use(SEARCH_DOCS, query="anything")
    await use(READ_DOCS, page="trl/x")
    assert len(world.asked) == 2 and "hf_secret" not in str(world.asked)
