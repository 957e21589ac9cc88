"""What the worker and its zygote say to each other: one JSON object a line, over the zygote's stdin and stdout."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from protocol.job import Launch
from protocol.message import Part
from services.executor.sandbox.plan import Plan


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
    launch: Launch = "python"
    gpus: int = 0
    """That it is granted: so many processes, where it is to be several."""
    python: str | None = None
    """Of the job's own environment, in which it is started cold."""
    lock: str | None = None
    """File that is locked as long as a process of the job lives."""
    until: float | None = None
    """By `lease.clock`: the job is killed then, unless it is renewed. None: never."""
    plan: Plan | None = None
    """Of its sandbox; None: it has none."""
    steps: int | None = None
    """Each training ends after so many steps; None: when it is done."""
    nice: int = 0
    """By how much it steps back for others (nice(2))."""


class Signal(Part):
    """Worker → zygote: signal a job's process, or with `group` all of its process group.

    In a sandbox SIGUSR1 goes to the process, SIGTERM to the group, and SIGKILL ends all of it, whatever `group` says.
    """

    kind: Literal["signal"] = "signal"
    key: str
    number: int
    group: bool


class Renew(Part):
    """Worker → zygote: the lease on a job holds longer."""

    kind: Literal["renew"] = "renew"
    key: str
    until: float


class Ready(Part):
    """Zygote → worker: all is imported."""

    kind: Literal["ready"] = "ready"
    seconds: float


class Started(Part):
    kind: Literal["started"] = "started"
    key: str
    pid: int


class Refused(Part):
    """The system would not fork, or the job could not enter its sandbox."""

    kind: Literal["refused"] = "refused"
    key: str
    error: str


class Exited(Part):
    """A job's process has ended, and what was left of its group was killed."""

    kind: Literal["exited"] = "exited"
    key: str
    code: int | None
    signal: int | None


ToZygote = Start | Signal | Renew
TO_ZYGOTE: TypeAdapter[ToZygote] = TypeAdapter(Annotated[ToZygote, Field(discriminator="kind")])
FromZygote = Ready | Started | Refused | Exited
FROM_ZYGOTE: TypeAdapter[FromZygote] = TypeAdapter(
    Annotated[Ready | Started | Refused | Exited, Field(discriminator="kind")]
)
