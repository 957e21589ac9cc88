"""What Anthropic's Messages API wants beyond what AutoGen's client does: thinking handed back, marks for its cache.

A model that thinks gives signed blocks, mostly without text, before its tool calls, and wants them back unchanged with
the results (https://platform.claude.com/docs/en/build-with-claude/thinking); AutoGen keeps their text alone. And other
providers cache what stands first in every request of a role unasked; Anthropic wants to be told where
(https://platform.claude.com/docs/en/build-with-claude/prompt-caching).
"""

from __future__ import annotations

from typing import Any

from anthropic import AsyncAnthropic
from anthropic.types import Message

KEPT = {"type": "ephemeral"}
DEFAULT_TEMPERATURE = 1.0
"""AutoGen sends it always; models that take no other need not be told."""


class Messages:
    """Stands in for the `messages` of an `AsyncAnthropic`, for one conversation."""

    def __init__(self, client: AsyncAnthropic) -> None:
        self._create: Any = client.messages.create
        self._said: dict[str, list[Any]] = {}
        """Id of a tool's call → all blocks of the reply that it came in."""

    async def create(self, **request: Any) -> Message:
        """One mark after the prompt, which the turns of a role share, and one after the last message, for the next call
        of the same turn. Tokens written into the cache or read from it are told apart; here they count as others."""
        if isinstance(request.get("system"), str):
            request["system"] = [{"type": "text", "text": request["system"], "cache_control": KEPT}]
        if request.get("temperature") == DEFAULT_TEMPERATURE:
            del request["temperature"]
        request["messages"] = [told for message in request["messages"] if (told := self._told(message))]
        answer: Message = await self._create(**request, cache_control=KEPT)
        for block in answer.content:
            if block.type == "tool_use":
                self._said[block.id] = answer.content
        used = answer.usage
        used.input_tokens += (used.cache_creation_input_tokens or 0) + (used.cache_read_input_tokens or 0)
        return answer

    def _told(self, message: dict[str, Any]) -> dict[str, Any] | None:
        """An earlier reply as the model gave it. None for one that was empty, which the API refuses to read."""
        content = message["content"]
        if message["role"] != "assistant":
            return message
        if isinstance(content, str):
            return message if content.strip() else None
        given = next((self._said[block.id] for block in content if getattr(block, "id", None) in self._said), None)
        return message | {"content": given or [block for block in content if getattr(block, "text", None) != ""]}


class Anthropic:
    """What AutoGen's client wants of an `AsyncAnthropic`."""

    def __init__(self, client: AsyncAnthropic) -> None:
        self._client, self.messages = client, Messages(client)

    async def close(self) -> None:
        await self._client.close()
