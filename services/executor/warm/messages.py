"""What the worker and its zygote say to each other: one JSON object a line, over the zygote's stdin and stdout."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from protocol.message import Part


class Start(Part):
    """Worker → zygote: fork a job."""

    kind: Literal["start"] = "start"
    key: str
    """Names this attempt; the same job delivered again has another."""
    folder: str
    argv: tuple[str, ...]
    threads: int
    stop_at: float
    """Monotonic time at which training ends and is saved."""


class Signal(Part):
    """Worker → zygote: signal a job's process, or with `group` all of its process group."""

    kind: Literal["signal"] = "signal"
    key: str
    number: int
    group: bool


class Ready(Part):
    """Zygote → worker: all is imported."""

    kind: Literal["ready"] = "ready"
    seconds: float


class Started(Part):
    kind: Literal["started"] = "started"
    key: str
    pid: int


class Refused(Part):
    """The system would not fork."""

    kind: Literal["refused"] = "refused"
    key: str
    error: str


class Exited(Part):
    """A job's process has ended, and what was left of its group was killed."""

    kind: Literal["exited"] = "exited"
    key: str
    code: int | None
    signal: int | None


TO_ZYGOTE: TypeAdapter[Start | Signal] = TypeAdapter(Annotated[Start | Signal, Field(discriminator="kind")])
FromZygote = Ready | Started | Refused | Exited
FROM_ZYGOTE: TypeAdapter[FromZygote] = TypeAdapter(
    Annotated[Ready | Started | Refused | Exited, Field(discriminator="kind")]
)
