"""What a running job tells its worker: the lines of `events.jsonl`, and the lines that it prints.

Written by the callback inside the job's process, read by the backend, judged and journaled by the worker.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from protocol.message import Part


class Running(Part):
    """The script's next line is its first."""

    kind: Literal["running"] = "running"
    pid: int
    at: float
    """Monotonic clock, which on one machine is the same for all processes."""


class TrainBegan(Part):
    kind: Literal["train_began"] = "train_began"
    step: int
    max_steps: int


class Metric(Part):
    """The figures of one logging step."""

    kind: Literal["metric"] = "metric"
    step: int
    max_steps: int
    values: dict[str, float]


class Checkpoint(Part):
    """A checkpoint is whole on disk."""

    kind: Literal["checkpoint"] = "checkpoint"
    step: int
    path: str


class TrainEnded(Part):
    """One call of `train()` has returned; a script may make several."""

    kind: Literal["train_ended"] = "train_ended"
    step: int
    seconds: float
    loss: float | None
    stopped_early: bool


class Printed(Part):
    """Lines of its output."""

    kind: Literal["printed"] = "printed"
    lines: tuple[str, ...]


class Garbled(Part):
    """A line of `events.jsonl` that is none: the script itself wrote there."""

    kind: Literal["garbled"] = "garbled"
    line: str
    reason: str


FileEvent = Annotated[Running | TrainBegan | Metric | Checkpoint | TrainEnded, Field(discriminator="kind")]
FILE_EVENT: TypeAdapter[FileEvent] = TypeAdapter(FileEvent)
Event = Running | TrainBegan | Metric | Checkpoint | TrainEnded | Printed | Garbled
