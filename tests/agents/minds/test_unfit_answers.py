"""Answers that were tried and do not work have an allowance of their own, apart from forms that are refused."""

from __future__ import annotations

import pytest
from mind_laboratory import laboratory

from agents.minds.llm.mind import REFUSED, UNFIT
from agents.minds.scripted import Call, Conversation
from protocol.thought import Fallback

FLAWS = ["name", "keyword", "column", "dtype", "loss", "shape", "import", "path", "device", "tokenizer", "template"]


async def test_what_was_tried_and_found_wanting_is_mended_more_often_than_a_form(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def mends(talk: Conversation) -> Call:
        tries = len(talk.results)
        return Call("submit", {"text": "mended" if tries > REFUSED + 2 else f"unfit by its {FLAWS[tries]}"})

    async with laboratory(monkeypatch, mends) as lab:
        assert await lab.ask() == "mended"
        assert lab.server.seen[1].results == ["it was tried: unfit by its name"]


async def test_but_not_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(talk: Conversation) -> Call:
        return Call("submit", {"text": f"unfit by its {FLAWS[len(talk.results)]}"})

    async with laboratory(monkeypatch, never) as lab:
        assert await lab.ask() == "by the playbook"
        assert lab.heard(Fallback)[0].reason.endswith(f"{UNFIT} answers were tried and did not work")


async def test_forms_that_are_refused_have_their_own_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    async with laboratory(monkeypatch, lambda talk: Call("submit", {"text": "bad"})) as lab:
        assert await lab.ask() == "by the playbook"
        assert f"{REFUSED} answers were refused" in lab.heard(Fallback)[0].reason
