"""Anthropic's Messages API in front of a script that knows OpenAI's form of a conversation.

https://docs.anthropic.com/en/api/messages: tool calls are `tool_use` blocks, their results `tool_result` blocks of a
user's message. The model always thinks, as claude-opus-5-5 does
(https://platform.claude.com/docs/en/models/opus-5-5/whats-new-opus-5-5): a reply with calls begins with a signed block
without text, and goes back with it.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

PATH = "/messages"
_STOP = {"tool_calls": "tool_use", "length": "max_tokens", "stop": "end_turn"}


def refused(body: dict[str, Any]) -> str | None:
    """Why the API answers 400 to it, if it does."""
    if body.get("temperature", 1) != 1 or (body.get("tool_choice") or {}).get("type", "auto") not in ("auto", "none"):
        return "this model takes neither another temperature nor a tool_choice that forces it"
    for number, message in enumerate(body["messages"]):
        content, where = message["content"], f"messages.{number}"
        if not content:
            return f"{where}: all messages must have non-empty content"
        if isinstance(content, str):
            continue
        if any(block["type"] == "text" and not block["text"].strip() for block in content):
            return f"{where}: text content blocks must be non-empty"
        calls = [block["id"] for block in content if block["type"] == "tool_use"]
        if calls and content[0] != _thinking(calls):
            return f"{where}: thinking blocks in the latest assistant message cannot be modified or left out"
    return None


def _thinking(calls: list[str]) -> dict[str, Any]:
    signature = hashlib.sha256(" ".join(calls).encode()).hexdigest()
    return {"type": "thinking", "thinking": "", "signature": signature}


def request(body: dict[str, Any]) -> dict[str, Any]:
    """The request as a chat completion's."""
    messages: list[dict[str, Any]] = []
    if body.get("system"):
        messages.append({"role": "system", "content": _text(body["system"])})
    for message in body["messages"]:
        messages += _message(message)
    tools = [
        {"type": "function", "function": {"name": tool["name"], "parameters": tool.get("input_schema", {})}}
        for tool in body.get("tools") or ()
    ]
    return {"model": body.get("model"), "messages": messages, "tools": tools}


def _message(message: dict[str, Any]) -> list[dict[str, Any]]:
    content = message["content"]
    if isinstance(content, str):
        return [{"role": message["role"], "content": content}]
    results = [
        {"role": "tool", "tool_call_id": block["tool_use_id"], "content": _text(block.get("content", ""))}
        for block in content
        if block["type"] == "tool_result"
    ]
    calls = [
        {
            "id": block["id"],
            "type": "function",
            "function": {"name": block["name"], "arguments": json.dumps(block["input"])},
        }
        for block in content
        if block["type"] == "tool_use"
    ]
    text = _text([block for block in content if block["type"] == "text"])
    said = [{"role": message["role"], "content": text} | ({"tool_calls": calls} if calls else {})]
    return results + (said if text or calls else [])


def _text(content: str | list[dict[str, Any]]) -> str:
    return content if isinstance(content, str) else "\n".join(str(block.get("text", "")) for block in content)


def kept(body: dict[str, Any]) -> Any:
    """What is to be kept for the next request: tools and prompt, where the prompt is marked; None where it is not.
    https://platform.claude.com/docs/en/build-with-claude/prompt-caching"""
    system = body.get("system")
    marked = isinstance(system, list) and any("cache_control" in block for block in system)
    return [body.get("tools"), system] if marked else None


def reply(completion: dict[str, Any], written: int = 0, read: int = 0) -> dict[str, Any]:
    """A chat completion as a message of Anthropic's. Of the prompt's tokens so many were written into the cache, or
    read from it."""
    choice = completion["choices"][0]
    said = choice["message"]
    content: list[dict[str, Any]] = [{"type": "text", "text": said["content"]}] if said.get("content") else []
    for call in said.get("tool_calls") or ():
        arguments = call["function"]["arguments"]
        try:
            given = json.loads(arguments)
        except ValueError:
            given = {"unreadable": arguments}
        content.append({"type": "tool_use", "id": call["id"], "name": call["function"]["name"], "input": given})
    if calls := [block["id"] for block in content if block["type"] == "tool_use"]:
        content.insert(0, _thinking(calls))
    usage = completion["usage"]
    prompt = usage["prompt_tokens"]
    written, read = min(written, prompt), min(read, prompt)
    return {
        "id": completion["id"].replace("chatcmpl", "msg"),
        "type": "message",
        "role": "assistant",
        "model": completion["model"],
        "content": content,
        "stop_reason": _STOP[choice["finish_reason"]],
        "stop_sequence": None,
        "usage": {
            "input_tokens": prompt - written - read,
            "cache_creation_input_tokens": written,
            "cache_read_input_tokens": read,
            "output_tokens": usage["completion_tokens"],
        },
    }
