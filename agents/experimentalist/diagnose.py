"""Why a job failed, as its worker found out by its evidence, and what is done about it."""

from __future__ import annotations

from agents.experimentalist.remedies import remedy
from agents.role import Ask
from protocol.schedule import DiagnoseRequest, Diagnosis

SHOWN = 3
"""Last lines of output, where the worker quotes no evidence."""


async def diagnose(request: DiagnoseRequest, ask: Ask) -> Diagnosis:
    """The cause that the worker named, and the remedy for it."""
    failure = request.failure
    done = remedy(failure.cause.category, request.entry, request.proposal, failure)
    return Diagnosis(
        experiment=request.entry.experiment.id,
        job=failure.job,
        category=failure.cause.category,
        evidence=failure.cause.evidence or (failure.reason, *failure.evidence[-SHOWN:]),
        remedy=done.told,
        retry=done.retry,
    )
