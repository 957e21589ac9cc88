"""What became of the earlier deliveries of a job, and whether it is given up for that. Asked by an attempt.

A delivery ends with the job's end, or with a note of the worker that gave it back; one that was accepted and ended with
neither has lost its worker. One that was not even accepted, since the worker was stopped or lost the bus as it took the
job, is a start that failed: the job had no part in it. A job that loses its worker again and again without getting
further may well be why they died: poison, in the words of queues. One that goes on from a later checkpoint each time
only has bad luck with its machines.
"""

from __future__ import annotations

import re
from typing import Any

from protocol.job import Cause, JobFailed, JobGivenBack, JobStarted
from protocol.journal import Journal
from protocol.queue import accepted_id, given_back_id, started_id
from services.executor.delivery import Delivery
from services.executor.diagnosis.cause import not_started

LOSSES = 2
"""Workers that a job may lose without getting further. Those that were stopped do not count, nor those that lost the
bus but not their life."""
MOST_LOSSES = 10
"""Workers that it may lose at all: it could pretend to get further."""
STARTS = 20
"""So often workers may fail to start a job, each for a reason of its own machine."""
NOT_ACCEPTED = "its worker ended, or lost the bus, before it had accepted it"
_CHECKPOINT = re.compile(r"checkpoint-(\d{1,12})$")


async def given_up(delivery: Delivery, journal: Journal, about: dict[str, Any]) -> JobFailed | None:
    """The end of a job that is not to be tried any more; None as long as it is. `about`: fields of all its events."""
    job, before = delivery.job.id, range(1, delivery.count)
    notes = {n: await _note(journal, job, n) for n in before}
    lost = [n for n in before if notes[n] is None and await journal.find(accepted_id(job, n)) is not None]
    if len(lost) >= LOSSES:
        steps = {n: await _step(journal, job, n) for n in before}
        stuck = [n for n in lost if steps[n] >= max((steps[later] for later in before if later > n), default=-1)]
        if len(stuck) >= LOSSES or len(lost) >= MOST_LOSSES:
            return await _poisoned(delivery, len(lost), about)
    reasons = {n: NOT_ACCEPTED if note is None else note.reason for n, note in notes.items() if n not in lost}
    failed = [reason for reason in reasons.values() if reason is not None]
    if len(failed) >= STARTS:
        told = f"could not be started {len(failed)} times: {failed[-1]}"
        return JobFailed(**about, reason=told, cause=not_started(failed[-1], "unknown"))
    return None


async def _note(journal: Journal, job: str, delivery: int) -> JobGivenBack | None:
    found = await journal.find(given_back_id(job, delivery))
    return found.data if found is not None and isinstance(found.data, JobGivenBack) else None


async def _step(journal: Journal, job: str, delivery: int) -> int:
    """Of the checkpoint that a delivery went on from; -1 where it began anew, or never began."""
    found = await journal.find(started_id(job, delivery))
    if found is None or not isinstance(found.data, JobStarted):
        return -1
    named = _CHECKPOINT.search(found.data.resumed_from or "")
    return int(named.group(1)) if named else -1


async def _poisoned(delivery: Delivery, times: int, about: dict[str, Any]) -> JobFailed:
    """Somebody should look at it."""
    reason = f"lost its worker {times} times"
    await delivery.bus.bury(delivery.msg.subject, reason, delivery.msg.data, "worker")
    return JobFailed(**about, reason=reason, cause=Cause(category="worker_lost", evidence=(reason,)))
