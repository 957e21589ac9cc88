"""What the tests do with a thread of the server."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from langgraph_sdk.client import SyncLangGraphClient

GRAPH = "crew"
Part = tuple[str, Any]
"""(mode, what came)."""


def new(client: SyncLangGraphClient) -> str:
    return client.threads.create()["thread_id"]


def go(client: SyncLangGraphClient, thread: str, **how: Any) -> list[Part]:
    """Run the graph until it ends or asks; what it streamed."""
    parts = [
        (part.event, part.data)
        for part in client.runs.stream(thread, GRAPH, stream_mode=["updates", "custom"], **how)  # type: ignore[call-overload]
    ]
    for mode, data in parts:
        if mode == "error":
            raise AssertionError(data)
    return parts


def asked(client: SyncLangGraphClient, thread: str) -> list[dict[str, Any]]:
    """The interrupts that wait for an answer."""
    state = client.threads.get_state(thread)
    return [one["value"] for task in state["tasks"] for one in task["interrupts"]]


def values(client: SyncLangGraphClient, thread: str) -> dict[str, Any]:
    return dict(client.threads.get_state(thread)["values"])  # type: ignore[arg-type]


def messages(parts: Sequence[Part]) -> list[dict[str, Any]]:
    """All chat messages that nodes have added."""
    updates = [update for mode, data in parts if mode == "updates" for update in data.values()]
    return [line for update in updates if isinstance(update, dict) for line in update.get("messages") or ()]
