"""Lets Anthropic's models keep what stands first in every request of a role: the tools and the prompt.

Other providers do so unasked; Anthropic wants to be told where
(https://platform.claude.com/docs/en/build-with-claude/prompt-caching). Tokens that are written into the cache or read
from it are told apart from the others; here they are counted with them.
"""

from __future__ import annotations

from typing import Any

from anthropic import AsyncAnthropic
from anthropic.types import Message

KEPT = {"type": "ephemeral"}


class CachingMessages:
    """Stands in for the `messages` of an `AsyncAnthropic`: one mark after the prompt, which the turns of a role share,
    and one after the last message, for the next call of the same turn."""

    def __init__(self, client: AsyncAnthropic) -> None:
        self._create: Any = client.messages.create

    async def create(self, **request: Any) -> Message:
        if isinstance(request.get("system"), str):
            request["system"] = [{"type": "text", "text": request["system"], "cache_control": KEPT}]
        answer: Message = await self._create(**request, cache_control=KEPT)
        used = answer.usage
        used.input_tokens += (used.cache_creation_input_tokens or 0) + (used.cache_read_input_tokens or 0)
        return answer


class CachingAnthropic:
    """What AutoGen's client wants of an `AsyncAnthropic`."""

    def __init__(self, client: AsyncAnthropic) -> None:
        self._client, self.messages = client, CachingMessages(client)

    async def close(self) -> None:
        await self._client.close()
