"""From a model's name to AutoGen's client for it. Every provider but Anthropic speaks OpenAI's chat completions."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from anthropic import AsyncAnthropic
from autogen_core.models import ChatCompletionClient, ModelFamily, ModelInfo
from autogen_ext.models.anthropic import BaseAnthropicChatCompletionClient
from autogen_ext.models.openai import BaseOpenAIChatCompletionClient
from openai import AsyncOpenAI

from agents.minds.choice import Model
from agents.minds.llm.claude import Anthropic
from agents.minds.llm.responses import OpenAI

SECONDS = 300.0
"""Longest wait for one reply: a script of the longest at 60 tokens a second. The turn's own limit may be nearer."""
MOST_REPLY_TOKENS = 16_000
"""Anthropic wants to be told; a training script fits several times."""
NO_KEY = "none"
"""Local servers ask for none, the client for some."""
OPENAIS_OWN = ("OPENAI_ORG_ID", "OPENAI_PROJECT_ID", "OPENAI_CUSTOM_HEADERS", "OPENAI_ADMIN_KEY")
"""The client sends what they hold, a gateway's key perhaps, to whatever address it is given."""

warnings.filterwarnings("ignore", message="(Resolved model|Finish reason) mismatch")  # of servers that name loosely

INFO: ModelInfo = {
    "vision": False,
    "function_calling": True,
    "json_output": False,
    "structured_output": False,
    "multiple_system_messages": False,
    "family": ModelFamily.UNKNOWN,
}
"""All that a mind asks of a model is that it can call tools. Given in full, since AutoGen knows no newer names."""


def client(model: Model) -> ChatCompletionClient:
    """A client that tries once: `PatientClient` is what tries again. Raises `BadInput` without a needed key."""
    if model.provider.name == "anthropic":
        asked = AsyncAnthropic(api_key=model.key() or NO_KEY, base_url=model.url(), max_retries=0, timeout=SECONDS)
        given = {"model": model.name, "max_tokens": MOST_REPLY_TOKENS}
        return BaseAnthropicChatCompletionClient(Anthropic(asked), create_args=given, model_info=INFO)
    openais = model.provider.name == "openai"
    with _without(() if openais else OPENAIS_OWN):
        plain = AsyncOpenAI(api_key=model.key() or NO_KEY, base_url=model.url(), max_retries=0, timeout=SECONDS)
    return BaseOpenAIChatCompletionClient(
        OpenAI(plain) if openais else plain,  # type: ignore[arg-type]
        create_args={"model": model.name},
        model_info=INFO,
        include_name_in_message=False,
    )


@contextmanager
def _without(names: tuple[str, ...]) -> Iterator[None]:
    """These variables are not there for the moment."""
    held = {name: os.environ.pop(name) for name in names if name in os.environ}
    try:
        yield
    finally:
        os.environ.update(held)
