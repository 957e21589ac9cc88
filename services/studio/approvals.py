"""Hears approvals that are given elsewhere than in Studio (`postdocs approve`), and lets their threads go on."""

from __future__ import annotations

import asyncio
import logging

from langgraph_sdk import get_client

from protocol.bus import Bus
from protocol.envelope import Envelope
from protocol.journal import Journal
from protocol.studio import Approval, ApprovalWanted, approval_id
from protocol.subjects import said
from protocol.tasks import stop

log = logging.getLogger(__name__)
ASSISTANT = "crew"
"""The graph's name in `langgraph.json`."""


class Approvals:
    """`async with Approvals(bus, url):` listens until it is left."""

    def __init__(self, bus: Bus, url: str) -> None:
        self._bus, self._client = bus, get_client(url=url, api_key=None)
        self._listening: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Approvals:
        self._listening = asyncio.create_task(self._listen())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._listening is not None:
            await stop([self._listening])
        await self._client.aclose()

    async def _listen(self) -> None:
        async for envelope in self._bus.subscribe(said("*", "approval")):
            try:
                await self._resume(envelope)
            except Exception:  # the answer stands in the journal: the thread finds it when it is opened
                log.exception("the thread of %s could not be told of its approval", envelope.run)

    async def _resume(self, envelope: Envelope) -> None:
        """Go on where a thread waits for just this. In Studio's own answers it does not wait any more."""
        answer = envelope.data
        assert isinstance(answer, Approval)
        asked = await Journal(self._bus, envelope.run).find(approval_id(envelope.run, answer.about, ApprovalWanted))
        if asked is None or not isinstance(asked.data, ApprovalWanted) or not asked.data.thread:
            return
        thread = await self._client.threads.get(asked.data.thread)
        if thread["status"] == "interrupted":
            await self._client.runs.create(asked.data.thread, ASSISTANT, command={"resume": answer.yes})
