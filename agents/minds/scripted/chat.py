"""OpenAI's chat completions, which scripts know: https://platform.openai.com/docs/api-reference/chat."""

from __future__ import annotations

from typing import Any

PATH = "/chat/completions"


def refused(body: dict[str, Any]) -> str | None:
    """Why the API answers 400 to it, where the model reasons unasked."""
    if not body.get("tools") or body.get("reasoning_effort") == "none":
        return None
    return (
        f"Function tools with reasoning_effort are not supported for {body.get('model')} in /v1/chat/completions. "
        "To use function tools, use /v1/responses or set reasoning_effort to 'none'."
    )


def request(body: dict[str, Any]) -> dict[str, Any]:
    """As it is."""
    return body


def reply(completion: dict[str, Any]) -> dict[str, Any]:
    """As it is."""
    return completion
