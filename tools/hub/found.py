"""A page of what a search of the Hub has found."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from huggingface_hub import DatasetInfo, ModelInfo

MOST = 500
"""How far a search goes: whoever needs more has not asked closely enough."""
Sort = Literal["trending", "downloads", "likes", "updated", "created"]
SORTS = {
    "trending": "trending_score",
    "downloads": "downloads",
    "likes": "likes",
    "updated": "last_modified",
    "created": "created_at",
}
"""Ours → the Hub's, always the greatest first."""


def tags(one: ModelInfo | DatasetInfo, prefix: str) -> list[str]:
    """What the tags `prefix:…` say."""
    return [tag.removeprefix(prefix) for tag in one.tags or () if isinstance(tag, str) and tag.startswith(prefix)]


def use(one: ModelInfo | DatasetInfo) -> str:
    """`1,200 downloads, 30 likes, gated, updated 2026-01-02`."""
    gate = ", gated" if one.gated else ""
    when = f", updated {one.last_modified:%Y-%m-%d}" if one.last_modified else ""
    return f"{one.downloads or 0:,} downloads, {one.likes or 0:,} likes{gate}{when}"


def licence(one: ModelInfo | DatasetInfo) -> str:
    return ", ".join(tags(one, "license:")) or "not said"


def told(what: str, entries: Sequence[str], start: int, limit: int) -> str:
    """The page from `start`; `entries` holds one more where there are further ones."""
    if not entries:
        return f"no further {what}" if start else f"no {what} is found: use fewer words or filters"
    more = f"; go on with start={start + limit}" if len(entries) > limit and start + limit < MOST else ""
    shown = entries[:limit]
    return "\n".join([f"{what} {start + 1} to {start + len(shown)}{more}", *shown])
