"""OpenAI's Responses API in front of a script that knows chat completions.

https://developers.openai.com/api/docs/guides/reasoning: a reply with calls begins with an item of reasoning, which
goes back with them.
"""

from __future__ import annotations

import hashlib
from typing import Any

PATH = "/responses"


def refused(body: dict[str, Any]) -> str | None:
    """Why the API answers 400 to it, if it does."""
    items = body["input"]
    for number, item in enumerate(items):
        if item.get("type") == "function_call" and items[number - 1].get("type") not in ("reasoning", "function_call"):
            return f"Item '{item.get('id')}' of type 'function_call' was provided without its required 'reasoning' item"
        if item.get("type") == "reasoning" and not item.get("encrypted_content"):
            return f"Item with id '{item['id']}' not found. Items are not persisted when `store` is set to false."
    return None


def request(body: dict[str, Any]) -> dict[str, Any]:
    """The request as a chat completion's."""
    messages: list[dict[str, Any]] = []
    for item in body["input"]:
        messages += _message(item)
    tools = [
        {"type": "function", "function": {"name": tool["name"], "parameters": tool.get("parameters", {})}}
        for tool in body.get("tools") or ()
    ]
    return {"model": body.get("model"), "messages": messages, "tools": tools}


def _message(item: dict[str, Any]) -> list[dict[str, Any]]:
    match item.get("type", "message"):
        case "function_call_output":
            return [{"role": "tool", "tool_call_id": item["call_id"], "content": item["output"]}]
        case "function_call":
            function = {"name": item["name"], "arguments": item["arguments"]}
            call = {"id": item["call_id"], "type": "function", "function": function}
            return [{"role": "assistant", "content": None, "tool_calls": [call]}]
        case "message":
            content = item["content"]
            text = content if isinstance(content, str) else "".join(part.get("text", "") for part in content)
            return [{"role": item["role"], "content": text}]
        case _:
            return []


def reply(completion: dict[str, Any]) -> dict[str, Any]:
    """A chat completion as a response."""
    choice = completion["choices"][0]
    said, number = choice["message"], completion["id"].removeprefix("chatcmpl-")
    output: list[dict[str, Any]] = []
    calls = said.get("tool_calls") or ()
    if calls:
        sealed = hashlib.sha256(" ".join(call["id"] for call in calls).encode()).hexdigest()
        output.append({"id": f"rs_{number}", "type": "reasoning", "summary": [], "encrypted_content": sealed})
    if said.get("content"):
        part = {"type": "output_text", "text": said["content"], "annotations": []}
        message = {"id": f"msg_{number}", "type": "message", "role": "assistant", "status": "completed"}
        output.append(message | {"content": [part]})
    for call in calls:
        item = {"id": f"fc_{call['id']}", "type": "function_call", "call_id": call["id"], "status": "completed"}
        output.append(item | call["function"])
    cut_off = choice["finish_reason"] == "length"
    used = completion["usage"]
    return {
        "id": f"resp_{number}",
        "object": "response",
        "created_at": completion["created"],
        "model": completion["model"],
        "status": "incomplete" if cut_off else "completed",
        "incomplete_details": {"reason": "max_output_tokens"} if cut_off else None,
        "error": None,
        "output": output,
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "usage": {
            "input_tokens": used["prompt_tokens"],
            "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
            "output_tokens": used["completion_tokens"],
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": used["total_tokens"],
        },
    }
