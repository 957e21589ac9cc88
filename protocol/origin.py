"""Where a fact of the ledger comes from: the message that said it. Kept by `Ledger.apply`, shown in the report."""

from __future__ import annotations

from datetime import datetime

from protocol import bundle, control, critique, data, experiment, job, research, schedule, score
from protocol.brief import Brief
from protocol.envelope import Envelope
from protocol.message import Message, Part

KEPT: tuple[type[Message], ...] = (
    Brief, score.EvalReady, research.Review, data.DataPlan, control.FloorBanked, experiment.Proposals, job.Job,
    job.JobAccepted, job.JobFinished, job.JobFailed, job.JobCancelled, score.Scored, schedule.RungVerdict,
    schedule.Diagnosis, critique.Critique, critique.Verdict, score.Shipped, control.StrategyClosed, control.Refused,
    bundle.Bundled,
    control.RunStarted, control.RunEnded,
)  # fmt: skip
"""Of these the report tells figures. What a job says by the thousand is not among them."""
ENDS = ("job_finished", "job_failed", "job_cancelled")
Key = tuple[str, str]
"""(kind, what it is about): `("scored", "sft-1")`, `("tested", "sft-1")`, `("job_end", "sft-1")`, `("brief", "")`."""


class Origin(Part):
    """The message that a fact was said in."""

    id: str
    time: datetime
    sender: str
    type: str
    headline: str


def keys(message: Message) -> tuple[Key, ...]:
    """Under which keys a message is kept; none for one of which no figure is told."""
    if not isinstance(message, KEPT):
        return ()
    if isinstance(message, experiment.Proposals):
        return tuple((message.type, proposal.experiment.id) for proposal in message.proposals)
    kind = "job_end" if message.type in ENDS else message.type
    if isinstance(message, score.Scored) and message.split == "test":
        kind = "tested"
    if isinstance(message, control.RunStarted | control.RunEnded | control.FloorBanked):
        return ((kind, ""),)
    about = (getattr(message, name, "") for name in ("experiment", "candidate", "strategy"))
    return ((kind, next((str(one) for one in about if one), "")),)


def origin(envelope: Envelope) -> Origin:
    said = envelope.data
    return Origin(
        id=envelope.id, time=envelope.time, sender=envelope.sender, type=said.type, headline=said.headline()
    )  # fmt: skip
