"""What the Reviewer is asked and answers: what is known about a problem."""

from __future__ import annotations

from typing import Literal

from protocol.brief import Task
from protocol.message import Message, Part


class Citation(Part):
    """A published source."""

    title: str
    authors: str = ""
    year: int | None = None
    arxiv: str | None = None
    url: str | None = None


class Technique(Part):
    """Something worth trying, with starting values and where they come from."""

    id: str
    name: str
    strategy: str
    summary: str
    why: str
    """Why it fits this problem."""
    recipe: dict[str, str | int | float | bool] = {}
    citations: tuple[Citation, ...] = ()


class ModelFacts(Part):
    """The base model as its config says, without loading it."""

    architecture: str = "unknown"
    parameters: int | None = None
    context: int | None = None
    vocabulary: int | None = None


class ReviewRequest(Message):
    """What is known about this problem?"""

    type: Literal["review_request"] = "review_request"
    task: Task
    folder: str
    task_folder: str

    def headline(self) -> str:
        return f"what is known about: {self.task.goal}"


class Review(Message):
    """What is known: techniques in order of promise."""

    type: Literal["review"] = "review"
    summary: str
    model: ModelFacts = ModelFacts()
    techniques: tuple[Technique, ...]

    def headline(self) -> str:
        first = ", ".join(technique.name for technique in self.techniques[:3])
        return f"{len(self.techniques)} techniques fit, first {first}. {self.summary}"
