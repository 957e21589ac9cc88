"""How a job has ended: from what it did, how its process went, why it was stopped, and what it left as a model."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from protocol.job import CancelJob, Category, Cause, JobCancelled, JobEnd, JobFailed, JobFinished
from services.executor.backends.backend import Exit
from services.executor.diagnosis import signals
from services.executor.diagnosis.cause import End, cause
from services.executor.diagnosis.log_end import log_end
from services.executor.files.folder import JobFolder
from services.executor.inventory.nvml import host_memory
from services.executor.job.events import Event, Metric, Printed, TrainBegan, TrainEnded
from services.executor.watch.usage import GB, Usage
from services.trained_model import what_is_missing

EVIDENCE = 20
"""Lines of output that a failure shows."""
REMEMBERED = 400
"""Lines of output that are searched for a cause where the log is not in reach, on another machine."""


@dataclass(frozen=True)
class Killed:
    """The worker has stopped the job by a rule."""

    reason: str
    evidence: str = ""
    category: Category = "time_out"
    """Alarms name theirs; whatever else a worker stops a job for is its time."""


@dataclass
class Record:
    """What a job has done so far."""

    steps_before: int = 0
    """Of trainings that have ended; a script may train more than once."""
    step: int = 0
    loss: float | None = None
    train_seconds: float = 0.0
    stopped_early: bool = False
    last_lines: deque[str] = field(default_factory=lambda: deque(maxlen=REMEMBERED))
    memory_gb: float = 0.0
    """The most that it has held of the host's memory."""

    @property
    def steps(self) -> int:
        return self.steps_before + self.step

    def use(self, usage: Usage | None) -> None:
        """What it used of the machine at one moment."""
        if usage is not None and usage.memory_gb is not None:
            self.memory_gb = max(self.memory_gb, usage.memory_gb)

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
    exit: Exit,
    record: Record,
    stopped: Killed | CancelJob | None,
    folder: JobFolder,
    seconds: float,
    about: dict[str, Any],
) -> JobEnd:
    """The one message that ends the job. `about` holds the fields that all of a job's events share."""
    model = folder.model
    missing = what_is_missing(model) if exit.code == 0 else None
    if exit.code == 0 and stopped is None and record.loss is not None and not math.isfinite(record.loss):
        stopped = Killed("nan", f"the last loss is {record.loss} at step {record.steps}", "nan")
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
    last = list(record.last_lines)[-EVIDENCE:]
    evidence = [stopped.evidence] if stopped and stopped.evidence else []
    return JobFailed(
        **about,
        exit_code=exit.code,
        signal=exit.signal,
        reason=_reason(exit, stopped, missing, record),
        evidence=(*evidence, *last),
        cause=_cause(exit, record, stopped, missing, folder),
        seconds=seconds,
    )


def _cause(exit: Exit, record: Record, stopped: Killed | None, missing: str | None, folder: JobFolder) -> Cause:
    told = None
    if stopped is not None:
        told = Cause(category=stopped.category, evidence=(stopped.evidence or stopped.reason,))
    end = End(
        code=exit.code,
        signal=exit.signal,
        limit=exit.limit,
        stopped=told,
        missing=missing and f"it left no whole model: {missing}",
        memory_share=record.memory_gb * GB / host_memory(),
    )
    return cause(end, log_end(folder.log) or list(record.last_lines))


def _reason(exit: Exit, stopped: Killed | None, missing: str | None, record: Record) -> str:
    if stopped is not None:
        return stopped.reason
    if exit.limit is not None:
        return exit.limit
    if exit.signal is not None:
        return f"killed by {signals.name(exit.signal)}"
    if missing is not None:
        return f"it left no whole model: {missing}"
    return f"exit code {exit.code}" + (f": {record.last_lines[-1]}" if record.last_lines else "")
