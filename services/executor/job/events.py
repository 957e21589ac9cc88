"""What a running job tells its worker: the lines of `events.jsonl`, and the lines that it prints.

Written by the callback inside the job's process, read by the backend, judged and journaled by the worker. The job's own
code can write the same lines: so figures are bounded here, and texts have no control characters, once for all backends.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, TypeAdapter

from protocol.message import Part
from services.executor.files.printable import printable

Count = Annotated[int, Field(ge=-1, le=10**15)]
"""A larger one could not be made a float, nor be added up by those who read the journal."""
Time = Annotated[float, Field(ge=0, le=1e12, allow_inf_nan=False)]
"""Seconds: a duration, or of a clock."""
MOST_CHARACTERS = 4096
"""The longest path (PATH_MAX); twice the longest line of a log that is shown."""
MOST_FIGURES = 1000
"""Of one log; GRPO has about forty."""
Text = Annotated[str, AfterValidator(lambda text: printable(text)[:MOST_CHARACTERS])]
MOST_OF_A_NAME = 200
"""Characters, also when each of them is shown as ten."""
Name = Annotated[str, Field(max_length=MOST_OF_A_NAME), AfterValidator(lambda name: printable(name)[:MOST_OF_A_NAME])]


class Running(Part):
    """The script's next line is its first."""

    kind: Literal["running"] = "running"
    pid: Count
    at: Time
    """Monotonic clock, which on one machine is the same for all processes."""


class TrainBegan(Part):
    kind: Literal["train_began"] = "train_began"
    step: Count
    max_steps: Count
    seconds: Time = 0.0
    """Trained already, up to the checkpoint that it goes on from; this counts against the job's time."""


class Metric(Part):
    """The figures of one logging step."""

    kind: Literal["metric"] = "metric"
    step: Count
    max_steps: Count
    values: Annotated[dict[Name, float], Field(max_length=MOST_FIGURES)]
    at: Time | None = None
    """Unix time at which the trainer logged them."""


class Pulse(Part):
    """It trains, or evaluates in the course of it; said once a second at most, whatever is logged."""

    kind: Literal["pulse"] = "pulse"
    step: Count
    saves: bool = False
    """A checkpoint is written next, which may take longer than many steps."""


class Checkpoint(Part):
    """A checkpoint is whole on disk."""

    kind: Literal["checkpoint"] = "checkpoint"
    step: Count
    path: Text


class TrainEnded(Part):
    """One call of `train()` has returned; a script may make several."""

    kind: Literal["train_ended"] = "train_ended"
    step: Count
    seconds: Time
    """With those that were trained up to the checkpoint that it went on from."""
    loss: float | None
    stopped_early: bool


class Printed(Part):
    """Lines of its output."""

    kind: Literal["printed"] = "printed"
    lines: tuple[Text, ...]


class Garbled(Part):
    """A line of `events.jsonl` that is none: the script itself wrote there."""

    kind: Literal["garbled"] = "garbled"
    line: Text
    reason: Text


FileEvent = Annotated[Running | TrainBegan | Metric | Pulse | Checkpoint | TrainEnded, Field(discriminator="kind")]
FILE_EVENT: TypeAdapter[FileEvent] = TypeAdapter(FileEvent)
Event = Running | TrainBegan | Metric | Pulse | Checkpoint | TrainEnded | Printed | Garbled
