"""What the Experimentalist is asked and answers: what runs for how long, whether a job goes on, why it failed."""

from __future__ import annotations

from typing import Literal

from protocol.experiment import Digest, Entry, Proposal
from protocol.job import Category, JobFailed
from protocol.message import Message, Part


class ScheduleRequest(Message):
    """What runs, and for how long?"""

    type: Literal["schedule_request"] = "schedule_request"
    proposals: tuple[Proposal, ...]
    digest: Digest

    def headline(self) -> str:
        return f"schedule {', '.join(p.experiment.id for p in self.proposals)}"


class Slot(Part):
    """One experiment's place in the queue."""

    experiment: str
    seconds: float


class Schedule(Message):
    """The order of submission; what is left out does not fit the time that is left."""

    type: Literal["schedule"] = "schedule"
    slots: tuple[Slot, ...]
    left_out: dict[str, str] = {}

    def headline(self) -> str:
        told = ", ".join(f"{slot.experiment} ({slot.seconds:.0f} s)" for slot in self.slots)
        out = "; ".join(f"{name} left out: {why}" for name, why in self.left_out.items())
        return f"queued {told or 'nothing'}" + (f". {out}" if out else "")


class Curve(Part):
    """A job's training loss by step."""

    experiment: str
    rung: int
    max_steps: int
    steps: tuple[int, ...]
    losses: tuple[float, ...]


class RungCheck(Message):
    """A job has reached a check point: does it go on?"""

    type: Literal["rung_check"] = "rung_check"
    check_point: float
    """Fraction of the job's steps at which this is asked."""
    curve: Curve
    peers: tuple[Curve, ...]

    def headline(self) -> str:
        return f"does {self.curve.experiment} go on at step {self.curve.steps[-1] if self.curve.steps else 0}?"


class RungVerdict(Message):
    """Whether the job goes on."""

    type: Literal["rung_verdict"] = "rung_verdict"
    experiment: str
    check_point: float
    keep: bool
    reason: str

    def headline(self) -> str:
        return f"{self.experiment} {'goes on' if self.keep else 'has lost its rung'}: {self.reason}"


class DiagnoseRequest(Message):
    """Why did this fail?"""

    type: Literal["diagnose_request"] = "diagnose_request"
    entry: Entry
    proposal: Proposal
    failure: JobFailed

    def headline(self) -> str:
        return f"why did {self.entry.experiment.id} fail?"


class Diagnosis(Message):
    """Why a job failed, by its evidence, and what to do."""

    type: Literal["diagnosis"] = "diagnosis"
    experiment: str
    job: str
    category: Category
    evidence: tuple[str, ...]
    remedy: str
    retry: Proposal | None = None
    """The mended job, or None. The same failure is never retried unchanged."""

    def headline(self) -> str:
        return f"{self.experiment}: {self.category.replace('_', ' ')}. {self.remedy}"
