"""Rows of a source for a tool: found by its name, and told in a line each."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import cast

from agents.curator.all_sources import sources
from agents.curator.gather import Gathered, drops, gather
from protocol.data import CurateRequest
from protocol.errors import BadInput
from tools.examples import Example
from tools.excerpt import shortened
from tools.filters import Filter
from tools.tool import Desk, ToolFault

TEXT = 400
"""Characters of a prompt or an answer in an example."""


def request(desk: Desk) -> CurateRequest:
    return cast(CurateRequest, desk.request)


async def read(desk: Desk, name: str) -> Gathered:
    """A source. Raises `ToolFault`."""
    there = sources(request(desk))
    if name not in there:
        raise ToolFault(f"there is no source {name!r}, only {', '.join(there)}")
    found = await asyncio.to_thread(gather, request(desk), there[name])
    if found.error:
        raise ToolFault(found.error)
    return found


async def taken_out(examples: Sequence[Example], filters: Sequence[Filter]) -> list[list[int]]:
    """By filter: positions that it takes out. Raises `ToolFault`."""
    try:
        return await asyncio.to_thread(drops, examples, filters)
    except BadInput as error:
        raise ToolFault(str(error)) from error


def told(examples: Sequence[Example], positions: Iterable[int]) -> str:
    """A line each, with its position."""
    lines = (f"{position}: {line(examples[position])}" for position in positions)
    return "\n".join(lines) or "none"


def line(example: Example) -> str:
    return f"{shortened(example.prompt, TEXT)!r} → {shortened(example.completion, TEXT)!r}"
