"""What is to be tracked, in a form that every tracker takes, and the interface of a tracker."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol


@dataclass
class Tracked:
    """One job as a tracker shows it: one run of the tracker's."""

    project: str
    id: str
    """The job's."""
    name: str
    """The experiment's; a mended job says so."""
    group: str
    config: dict[str, Any]
    begun: float
    """Unix time."""
    summary: dict[str, Any] = field(default_factory=dict)
    """What is known of it beyond its steps: its end, its score, the verdict."""


@dataclass(frozen=True)
class Point:
    """Figures at a step."""

    run: Tracked
    id: str
    """The same for the same step and the same names, whoever says it again."""
    step: int
    values: dict[str, float]
    at: float


@dataclass(frozen=True)
class Alerted:
    """Something is wrong with the job."""

    run: Tracked
    id: str
    title: str
    text: str
    step: int
    at: float


@dataclass(frozen=True)
class Summed:
    """The run's summary has grown. With `ended` nothing more will be said of it; `failed` says how it ended."""

    run: Tracked
    ended: bool = False
    failed: bool = False


Record = Point | Alerted | Summed


class Tracker(Protocol):
    """Where records go. Both methods block, and may raise anything: the caller bears it."""

    @property
    def name(self) -> str: ...

    def where(self) -> str:
        """How a person gets to see it."""
        ...

    def write(self, records: Sequence[tuple[int, Record]]) -> None:
        """Write what is not there yet. Each record comes with the sequence number of its message in the journal."""
        ...

    def close(self) -> None: ...
