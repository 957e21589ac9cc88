"""What a role with a place of its own in the crew is asked there, and answers."""

from __future__ import annotations

from typing import Literal

from protocol.brief import Task
from protocol.critique import Critique, Verdict
from protocol.experiment import Digest, Directive
from protocol.message import Message


class AdviceRequest(Message):
    """Anything to say? Self-contained: how the run stands, of bounded size, however long it has gone on."""

    type: Literal["advice_request"] = "advice_request"
    place: str
    """The step after which the role stands: `critic`, `curator`, …"""
    number: int
    """Counts what was asked of such roles in this run."""
    task: Task
    folder: str
    """Of the run."""
    task_folder: str
    digest: Digest
    """Floor, incumbent, experiments with their scores, what the others have advised, device time left."""
    directive: Directive
    """The present one."""
    critique: Critique | None = None
    """The last one."""
    verdict: Verdict | None = None
    """The gate's last one, with all its figures."""
    seconds_left: float
    """Of the run's budget, until the sealed test has to begin."""
    tells: tuple[str, ...] = ()
    """What the user told the crew in the course of the run, oldest first."""

    def headline(self) -> str:
        return f"anything to say, after {self.place}?"


class Advice(Message):
    """What the role has to say. The others read it in their next digest; nothing is decided by it."""

    type: Literal["advice"] = "advice"
    text: str
    """Empty: nothing, this time."""
    directive: Directive | None = None
    """Where it would go next. The Critic follows it where its own rules leave that open."""

    def headline(self) -> str:
        told = self.text or "nothing to add"
        if self.directive is None:
            return told
        where = " ".join(part for part in (self.directive.kind.replace("_", " "), self.directive.strategy) if part)
        return f"{told} Suggests: {where}" + (f" ({self.directive.reason})" if self.directive.reason else "")


class NotHeard(Message):
    """A role with a place of its own did not answer, or not what it was asked; the run goes on without its word."""

    type: Literal["not_heard"] = "not_heard"
    role: str
    reason: str

    def headline(self) -> str:
        return f"the run goes on without {self.role}: {self.reason}"
