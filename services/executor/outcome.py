"""How a job has ended: from what it did, how its process went, why it was stopped, and what it left as a model."""

from __future__ import annotations

import signal
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from protocol.job import CancelJob, JobCancelled, JobEnd, JobFailed, JobFinished
from services.executor.backends.backend import Exit
from services.executor.files.model_folder import what_is_missing
from services.executor.job.events import Event, Metric, Printed, TrainBegan, TrainEnded

EVIDENCE = 20
"""Lines of output that a failure shows."""


@dataclass(frozen=True)
class Killed:
    """The worker has stopped the job by a rule."""

    reason: str
    evidence: str = ""


@dataclass
class Record:
    """What a job has done so far."""

    steps_before: int = 0
    """Of trainings that have ended; a script may train more than once."""
    step: int = 0
    loss: float | None = None
    train_seconds: float = 0.0
    stopped_early: bool = False
    last_lines: deque[str] = field(default_factory=lambda: deque(maxlen=EVIDENCE))

    @property
    def steps(self) -> int:
        return self.steps_before + self.step

    def note(self, event: Event) -> None:
        if isinstance(event, Printed):
            self.last_lines.extend(event.lines)
        elif isinstance(event, TrainBegan):
            self.step = event.step
        elif isinstance(event, Metric):
            self.step = event.step
            self.loss = event.values.get("loss", self.loss)
        elif isinstance(event, TrainEnded):
            self.steps_before += event.step
            self.step = 0
            self.loss = event.loss if event.loss is not None else self.loss
            self.train_seconds += event.seconds
            self.stopped_early = event.stopped_early


def outcome(
    exit: Exit, record: Record, stopped: Killed | CancelJob | None, model: Path, seconds: float, about: dict[str, Any]
) -> JobEnd:
    """The one message that ends the job. `about` holds the fields that all of a job's events share."""
    missing = what_is_missing(model) if exit.code == 0 else None
    whole = exit.code == 0 and missing is None
    if isinstance(stopped, CancelJob):
        kept = str(model) if whole else None
        return JobCancelled(**about, reason=stopped.reason, model=kept, steps=record.steps, seconds=seconds)
    if whole and stopped is None:
        return JobFinished(
            **about,
            model=str(model),
            steps=record.steps,
            seconds=seconds,
            train_seconds=record.train_seconds,
            loss=record.loss,
            stopped_early=record.stopped_early,
        )
    evidence = [stopped.evidence] if stopped and stopped.evidence else []
    return JobFailed(
        **about,
        exit_code=exit.code,
        signal=exit.signal,
        reason=_reason(exit, stopped, missing, record),
        evidence=(*evidence, *record.last_lines),
        seconds=seconds,
    )


def _reason(exit: Exit, stopped: Killed | None, missing: str | None, record: Record) -> str:
    if stopped is not None:
        return stopped.reason
    if exit.limit is not None:
        return exit.limit
    if exit.signal is not None:
        return f"killed by {signal.Signals(exit.signal).name}"
    if missing is not None:
        return f"it left no whole model: {missing}"
    return f"exit code {exit.code}" + (f": {record.last_lines[-1]}" if record.last_lines else "")
