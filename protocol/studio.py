"""What LangGraph Studio's graph asks of the desk beside it, and what it notes in a run's journal.

The graph runs in an environment of its own and knows the bus alone. The desk (`services/studio/`) stands where the
runs' folders are: it drafts tasks, starts the processes that a run needs, and copies a run that is forked.
"""

from __future__ import annotations

from typing import Literal

from protocol.experiment import Directive
from protocol.message import Message, message_id
from protocol.runs import StartRun

DESK = "studio"
"""Name of the service."""


class DraftTask(Message):
    """To the desk: make a task of this."""

    type: Literal["draft_task"] = "draft_task"
    words: str
    """A sentence, the path of a task file, or the text of one."""

    def headline(self) -> str:
        return self.words


class TaskDrafted(Message):
    """A task that can be run, if the user approves."""

    type: Literal["task_drafted"] = "task_drafted"
    run: str
    """The id that the run would have."""
    text: str
    """The task file."""
    folder: str
    """Absolute path that relative names in it refer to, and where its `roles/` may be. Empty of a text that was pasted:
    it has none of its own, and its names refer to where the desk stands."""
    how: str
    """How it came about, in a sentence."""

    def headline(self) -> str:
        return self.how


class OpenRun(Message):
    """To the desk: this run is looked at, keep its processes going; again every few seconds, as long as it is so."""

    type: Literal["open_run"] = "open_run"
    run: str
    text: str = ""
    """Of a new run: the task file."""
    folder: str = ""
    """Of a new run: what its paths are relative to, as it was drafted."""
    given: StartRun | None = None
    """Of a new run, instead: the task with files of its own."""
    thread: str = ""
    """Of LangGraph's server: it wants to take the run's steps. Without, it is only looked at."""
    leaves: bool = False
    """That thread takes them no longer; nothing else is wanted."""


class RunOpened(Message):
    """Its journal is on the bus."""

    type: Literal["run_opened"] = "run_opened"
    run: str
    """Its whole id: the request may have the beginning of it."""
    elsewhere: bool = False
    """Its state machine runs elsewhere, or ran: this one may look, and not act."""
    live: bool = True
    """More may be said in it."""
    driver: str = ""
    """The thread that takes its steps now: another may look, and not act."""


class ForkRun(Message):
    """To the desk: make a run that begins with what was said in another up to a sequence number of its journal."""

    type: Literal["fork_run"] = "fork_run"
    parent: str
    run: str
    """The id of the new one."""
    sequence: int
    budget: float | None = None
    """Seconds, instead of the parent's; what was spent up to there counts."""


class RunForked(Message):
    """The new run is there."""

    type: Literal["run_forked"] = "run_forked"
    run: str


class StepTaken(Message):
    """Studio's graph begins a step of this run: by this it sees later that somebody went back in time."""

    type: Literal["step_taken"] = "step_taken"
    number: int
    node: str
    thread: str
    checkpoint: str
    """Where the step began."""

    def headline(self) -> str:
        return f"step {self.number}: {self.node}"


class ApprovalWanted(Message):
    """The user is asked, and the run waits."""

    type: Literal["approval_wanted"] = "approval_wanted"
    about: str
    shown: str
    thread: str = ""
    """Of the graph server, which goes on when the answer is there."""

    def headline(self) -> str:
        return f"waits for approval: {self.about}"


class Approval(Message):
    """The user's answer."""

    type: Literal["approval"] = "approval"
    about: str
    yes: bool
    words: str = ""
    """What to do instead, or the task as the user has changed it."""

    def headline(self) -> str:
        return f"{self.about}: {'approved' if self.yes else 'not approved'}" + (
            f" ({self.words})" if self.words else ""
        )


def approval_id(run: str, about: str, kind: type[ApprovalWanted] | type[Approval]) -> str:
    """One question and one answer for each thing that is asked."""
    return message_id(run, kind.model_fields["type"].default, about)


class Steered(Message):
    """The user sets what the crew does next; it holds until the Critic's next directive."""

    type: Literal["steered"] = "steered"
    directive: Directive

    def headline(self) -> str:
        strategy = f" {self.directive.strategy}" if self.directive.strategy else ""
        return f"the user directs: {self.directive.kind.replace('_', ' ')}{strategy} ({self.directive.reason})"
