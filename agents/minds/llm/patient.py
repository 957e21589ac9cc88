"""A model client that asks again when that can help, and counts what every call spends. Wraps any AutoGen client."""

from __future__ import annotations

import asyncio
import json
import logging
import random
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from autogen_core import CancellationToken, FunctionCall
from autogen_core.models import (
    AssistantMessage,
    ChatCompletionClient,
    CreateResult,
    LLMMessage,
    ModelInfo,
    RequestUsage,
)
from autogen_core.tools import Tool, ToolSchema
from pydantic import BaseModel

from agents.minds.llm.faults import (
    ContextOverflow,
    ModelFailed,
    Remedy,
    reason,
    remedy,
    retry_after,
    timed_out,
)
from agents.minds.llm.limits import Limit
from agents.minds.llm.prices import Price

log = logging.getLogger(__name__)
TRIES = 6
TRIES_WHEN_LOST = 2
TRIES_WHEN_LATE = 2
"""Each time that no reply comes in time takes minutes, and is billed."""
FIRST_WAIT, LONGEST_WAIT = 1.0, 30.0
"""Seconds; doubled from try to try, with full jitter (M. Brooker, "Exponential backoff and jitter", 2015)."""
MOST_ASKED_WAIT = 120.0
"""A server that asks for longer is not waited for."""
UNREADABLE = "unreadable"
"""Key under which arguments that cannot be read are kept in the conversation."""
CHARACTERS_A_TOKEN = 4
"""Where a server does not tell what it counted."""


@dataclass
class Patience:
    """How often a provider is asked again: as long as that can help, until it did not; then but once, until it has
    answered again. Shared by the turns of a run, which would else spend its time waiting for a server that is down."""

    lost: bool = False

    @property
    def tries(self) -> int:
        return TRIES_WHEN_LOST if self.lost else TRIES


class PatientClient(ChatCompletionClient):
    """One turn's way to its model. Not shared between turns: it spends from the turn's limit."""

    def __init__(
        self,
        inner: ChatCompletionClient,
        model: str,
        limit: Limit,
        price: Price | None = None,
        patience: Patience | None = None,
    ) -> None:
        self._inner, self.model, self._limit, self._price = inner, model, limit, price
        self._patience = patience or Patience()
        self.calls = self.retries = 0
        self._spent = RequestUsage(prompt_tokens=0, completion_tokens=0)
        self.usd = 0.0 if price else None
        self.cut_off = False
        """Whether the last reply ended at the provider's limit of length."""

    async def create(
        self,
        messages: Sequence[LLMMessage],
        *,
        tools: Sequence[Tool | ToolSchema] = [],
        tool_choice: Tool | Literal["auto", "required", "none"] = "auto",
        json_output: bool | type[BaseModel] | None = None,
        extra_create_args: Mapping[str, Any] = {},
        cancellation_token: CancellationToken | None = None,
    ) -> CreateResult:
        """One reply. Raises `ModelFailed` (`ContextOverflow`) and `LimitExceeded`."""
        wait, messages = FIRST_WAIT, [_readable(message) for message in messages]
        tries, late = self._patience.tries, 0
        for attempt in range(1, tries + 1):
            self._limit.check()
            try:
                async with asyncio.timeout(self._limit.seconds_left()):
                    result = await self._inner.create(
                        messages,
                        tools=tools,
                        tool_choice=tool_choice,
                        json_output=json_output,
                        extra_create_args=extra_create_args,
                    )
                self._count(result, messages)
                return result
            except Exception as error:  # SDKs raise what they like, of garbled replies too
                self._limit.check()
                if timed_out(error):
                    late += 1
                    self._spend(RequestUsage(_tokens(messages), 0))
                last = attempt == tries or late == TRIES_WHEN_LATE
                pause = self._pause(error, wait, attempt, last)
                log.warning("%s, try %d: %s; again in %.1f s", self.model, attempt, reason(error), pause)
            self.retries += 1
            await asyncio.sleep(pause)
            wait = min(2 * wait, LONGEST_WAIT)
        raise AssertionError("the last try returns or raises")

    def _pause(self, error: Exception, wait: float, attempt: int, last: bool) -> float:
        """Seconds until the next try. Raises when there is to be none."""
        told = reason(error)
        what = remedy(error)
        if what is Remedy.SHORTEN:
            raise ContextOverflow(self.model, told) from error
        if what is Remedy.GIVE_UP:
            raise ModelFailed(self.model, told) from error
        if last:
            self._patience.lost = True
            raise ModelFailed(self.model, f"{told} ({attempt} tries)") from error
        asked = retry_after(error)
        left = self._limit.seconds_left()
        if asked is not None and asked > min(MOST_ASKED_WAIT, left if left is not None else MOST_ASKED_WAIT):
            raise ModelFailed(self.model, f"{told}; it asks to wait {asked:.0f} s") from error
        return asked if asked is not None else random.uniform(0, wait)

    def _count(self, result: CreateResult, messages: Sequence[LLMMessage]) -> None:
        used, self._patience.lost = result.usage, False
        if not used.prompt_tokens:
            used = RequestUsage(_tokens(messages), len(str(result.content)) // CHARACTERS_A_TOKEN)
        self.calls += 1
        self.cut_off = result.finish_reason == "length"
        self._spend(used)

    def _spend(self, used: RequestUsage) -> None:
        self._spent = RequestUsage(
            self._spent.prompt_tokens + used.prompt_tokens, self._spent.completion_tokens + used.completion_tokens
        )
        usd = self._price.of(used.prompt_tokens, used.completion_tokens) if self._price else 0.0
        self.usd = None if self.usd is None else self.usd + usd
        self._limit.count(tokens=used.prompt_tokens + used.completion_tokens, usd=usd)

    def create_stream(self, *args: Any, **kwargs: Any) -> AsyncGenerator[str | CreateResult, None]:
        raise NotImplementedError("minds do not stream")

    async def close(self) -> None:
        await self._inner.close()

    def actual_usage(self) -> RequestUsage:
        return self._spent

    def total_usage(self) -> RequestUsage:
        return self._spent

    def count_tokens(self, messages: Sequence[LLMMessage], *, tools: Sequence[Tool | ToolSchema] = []) -> int:
        return self._inner.count_tokens(messages, tools=tools)

    def remaining_tokens(self, messages: Sequence[LLMMessage], *, tools: Sequence[Tool | ToolSchema] = []) -> int:
        return self._inner.remaining_tokens(messages, tools=tools)

    @property
    def capabilities(self) -> ModelInfo:
        return self._inner.model_info

    @property
    def model_info(self) -> ModelInfo:
        return self._inner.model_info


def _tokens(messages: Sequence[LLMMessage]) -> int:
    return sum(len(str(message.content)) for message in messages) // CHARACTERS_A_TOKEN


def _readable(message: LLMMessage) -> LLMMessage:
    """Without arguments that are no JSON object: vLLM and others read those of earlier calls, and refuse them."""
    if not isinstance(message, AssistantMessage) or isinstance(message.content, str):
        return message
    calls = [FunctionCall(call.id, _as_object(call.arguments), call.name) for call in message.content]
    return message.model_copy(update={"content": calls})


def _as_object(arguments: str) -> str:
    try:
        if isinstance(json.loads(arguments), dict):
            return arguments
    except ValueError:
        pass
    return json.dumps({UNREADABLE: arguments})
