"""OpenAI's Responses API behind the chat completions that AutoGen's client asks for.

OpenAI's newer models reason unasked, and then take no function tools over chat completions, as they say with a 400
(https://github.com/openai/openai-openapi/issues/541). Where they do, the same conversation goes over Responses, which
keeps their reasoning from call to call (https://developers.openai.com/api/docs/guides/reasoning); where a gateway has
no Responses, over chat completions without reasoning. Nothing is stored at OpenAI for it.
"""

from __future__ import annotations

from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any, Literal

from openai import APIStatusError, AsyncOpenAI
from openai.types.chat import ChatCompletion
from openai.types.responses import Response

from agents.minds.llm.faults import refuses_reasoning

Way = Literal["chat", "responses", "chat without reasoning"]
NO_SUCH_ROUTE = (404, 405, 501)
_ways: dict[tuple[str, str], Way] = {}
"""By address and model, as it has turned out in this process: what holds for one conversation holds for the next."""


class OpenAI:
    """What AutoGen's client wants of an `AsyncOpenAI`."""

    def __init__(self, client: AsyncOpenAI) -> None:
        self._client, self.chat = client, SimpleNamespace(completions=Completions(client))

    async def close(self) -> None:
        await self._client.close()


class Completions:
    """Stands in for the `chat.completions` of an `AsyncOpenAI`, for one conversation."""

    def __init__(self, client: AsyncOpenAI) -> None:
        self._client = client
        self._said: dict[str, list[Any]] = {}
        """Id of a tool's call → all items of the reply that it came in."""

    async def create(self, **request: Any) -> ChatCompletion:
        where = (str(self._client.base_url), request["model"])
        if _ways.get(where, "chat") == "chat":
            try:
                return await self._chat(request)
            except APIStatusError as error:
                if not refuses_reasoning(error):
                    raise
                _ways[where] = "responses"
        if _ways[where] == "responses":
            try:
                return await self._respond(request)
            except APIStatusError as error:
                if error.status_code not in NO_SUCH_ROUTE:
                    raise
                _ways[where] = "chat without reasoning"
        return await self._chat(request | {"reasoning_effort": "none"})

    async def _chat(self, request: dict[str, Any]) -> ChatCompletion:
        completion: ChatCompletion = await self._client.chat.completions.create(**request)
        return completion

    async def _respond(self, request: dict[str, Any]) -> ChatCompletion:
        items = [item for message in request["messages"] for item in self._items(message)]
        tools: Any = [{"type": "function", "strict": False, **tool["function"]} for tool in request["tools"] or ()]
        response: Response = await self._client.responses.create(
            model=request["model"],
            input=items,
            tools=tools,
            include=["reasoning.encrypted_content"],
            store=False,
        )
        if response.error is not None:
            raise RuntimeError(f"{response.error.code}: {response.error.message}")
        for item in response.output:
            if item.type == "function_call":
                self._said[item.call_id] = [one.model_dump(mode="json", exclude_none=True) for one in response.output]
        return _completion(response)

    def _items(self, message: dict[str, Any]) -> Iterable[Any]:
        """A message of chat completions as items of Responses; an earlier reply as the model gave it."""
        calls = message.get("tool_calls") or ()
        if message["role"] == "tool":
            yield {"type": "function_call_output", "call_id": message["tool_call_id"], "output": message["content"]}
        elif calls and calls[0]["id"] in self._said:
            yield from self._said[calls[0]["id"]]
        else:
            if message.get("content"):
                yield {"role": message["role"], "content": message["content"]}
            for call in calls:
                yield {"type": "function_call", "call_id": call["id"], **call["function"]}


def _completion(response: Response) -> ChatCompletion:
    """As chat completions would have given it. A refusal counts as text."""
    parts = [part for item in response.output if item.type == "message" for part in item.content]
    text = "".join(part.text if part.type == "output_text" else part.refusal for part in parts)
    calls = [
        {"id": item.call_id, "type": "function", "function": {"name": item.name, "arguments": item.arguments}}
        for item in response.output
        if item.type == "function_call"
    ]
    cut_off = response.incomplete_details is not None and response.incomplete_details.reason == "max_output_tokens"
    used = response.usage
    prompt, reply = (used.input_tokens, used.output_tokens) if used else (0, 0)
    return ChatCompletion.model_validate(
        {
            "id": response.id,
            "object": "chat.completion",
            "created": int(response.created_at),
            "model": response.model,
            "choices": [
                {
                    "index": 0,
                    "finish_reason": "tool_calls" if calls else "length" if cut_off else "stop",
                    "message": {"role": "assistant", "content": text or None, "tool_calls": calls or None},
                }
            ],
            "usage": {"prompt_tokens": prompt, "completion_tokens": reply, "total_tokens": prompt + reply},
        }
    )
