"""What minds leave in the journal beside their answers: tool calls, costs, fallbacks, and talk in plain words."""

from __future__ import annotations

from typing import Literal

from protocol.brief import Task
from protocol.experiment import Digest
from protocol.message import Message

LimitKind = Literal["tokens", "usd", "seconds", "tool_calls"]


class ToolCalled(Message):
    """A role has used a tool."""

    type: Literal["tool_called"] = "tool_called"
    role: str
    tool: str
    arguments: str
    """JSON, as the model gave it."""
    result: str
    """As the model saw it, cut."""
    failed: bool = False
    seconds: float = 0.0

    def headline(self) -> str:
        return f"{self.tool}({self.arguments[:80]})" + (" failed" if self.failed else "")


class Thought(Message):
    """What one answer of a role has cost."""

    type: Literal["thought"] = "thought"
    role: str
    model: str
    asked: str
    """Type of the request."""
    calls: int
    """Of the model."""
    tool_calls: int
    prompt_tokens: int
    completion_tokens: int
    usd: float | None
    """None where the model's price is not known."""
    seconds: float
    retries: int = 0

    def headline(self) -> str:
        cost = f", ${self.usd:.4f}" if self.usd is not None else ""
        return f"{self.model}: {self.prompt_tokens} + {self.completion_tokens} tokens{cost}, {self.tool_calls} tools"


class Fallback(Message):
    """A role's model could not answer; its playbook did."""

    type: Literal["fallback"] = "fallback"
    role: str
    model: str
    asked: str
    reason: str

    def headline(self) -> str:
        return f"{self.model} could not answer ({self.reason}): the playbook does"


class Question(Message):
    """Somebody, most often the user, asks a role something in plain words. Self-contained, as every request."""

    type: Literal["question"] = "question"
    text: str
    task: Task
    folder: str
    task_folder: str
    digest: Digest
    said: tuple[str, ...] = ()
    """What the role has said in the run so far, a line each, oldest first."""

    def headline(self) -> str:
        return self.text


class Reply(Message):
    """What the role says to it."""

    type: Literal["reply"] = "reply"
    text: str

    def headline(self) -> str:
        return self.text
