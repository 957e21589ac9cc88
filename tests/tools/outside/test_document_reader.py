"""Strangers' documents are read in a process of their own, which holds no secrets and ends."""

from __future__ import annotations

import asyncio

import psutil
import pytest

from tools.documents import Section, read
from tools.documents.document import by_headings
from tools.tool import ToolFault


def children() -> list[psutil.Process]:
    return [one for one in psutil.Process().children() if "tools.documents.child" in " ".join(one.cmdline())]


async def first_child() -> psutil.Process:
    for _ in range(4_000):
        if found := children():
            return found[0]
        await asyncio.sleep(0.005)
    raise AssertionError("no process was started")


async def test_its_process_has_no_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    reading = asyncio.create_task(read(b"<p>x</p>", "html"))
    environment = (await first_child()).environ()
    assert (await reading).text == "x"
    assert "HF_TOKEN" not in environment and "hf_secret" not in str(environment)


async def test_a_document_that_takes_too_long_is_told_and_its_process_is_gone() -> None:
    with pytest.raises(ToolFault, match="could not be read within 0 s"):
        await read(b"<p>x</p>", "html", seconds=0.001)
    assert not children()


async def test_a_reading_that_is_cancelled_leaves_no_process() -> None:
    reading = asyncio.create_task(read(b"<p>x</p>", "html"))
    (await first_child()).suspend()  # by itself it does not end any more
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert not children()


def test_markdown_is_parted_at_headings_but_not_within_code() -> None:
    told = by_headings("before\n# One\na\n```\n# no heading\n```\n## Two\n\n")
    assert told == (
        Section(title="", level=1, text="before"),
        Section(title="One", level=1, text="a\n```\n# no heading\n```"),
        Section(title="Two", level=2, text=""),
    )
