"""The work queue of jobs: how a job is submitted and cancelled. Called by the graph; workers take from it.

A job's envelope is journaled first and queued second. Both steps may be repeated after a crash in between: the
journal keeps one copy by id, the queue holds a job at most once, and a job whose end is journaled is not queued again.
"""

from __future__ import annotations

from nats.js.api import Header, RetentionPolicy, StorageType, StreamConfig
from nats.js.errors import APIError, NoStreamResponseError

from protocol import subjects, trace
from protocol.bus import Bus
from protocol.envelope import Envelope, wrap
from protocol.job import CancelJob, Job
from protocol.journal import WRONG_LAST_SEQUENCE, Journal
from protocol.message import message_id


def end_id(job: str) -> str:
    """Id of the one message that ends a job, whatever the end is."""
    return message_id(job, "end")


def given_back_id(job: str, delivery: int) -> str:
    """Id of the note that a delivery of a job ended because its worker was stopped."""
    return message_id(job, delivery, "given_back")


def cancel_id(job: str) -> str:
    """Id of the one request to stop a job."""
    return message_id(job, "cancel")


async def ensure_queue(bus: Bus) -> None:
    """Make the stream of waiting jobs; does nothing where it exists. Raises `BusUnavailable` without JetStream."""
    config = StreamConfig(
        name=subjects.JOBS_STREAM,
        subjects=["jobs.>"],
        retention=RetentionPolicy.WORK_QUEUE,
        storage=StorageType.FILE,
    )
    await bus.make_stream(config)


async def submit(bus: Bus, envelope: Envelope) -> bool:
    """Journal and queue the job in `envelope`; False when it waits, runs or has ended already."""
    job = envelope.data
    if not isinstance(job, Job):
        raise TypeError(f"only a job can be queued, not {envelope.data.type}")
    journal = Journal(bus, envelope.run)
    await journal.append(envelope)
    if await journal.find(end_id(job.id)) is not None:
        return False
    try:
        return await _enqueue(bus, envelope, job)
    except NoStreamResponseError:  # the first job of all
        await ensure_queue(bus)
        return await _enqueue(bus, envelope, job)


async def _enqueue(bus: Bus, envelope: Envelope, job: Job) -> bool:
    headers = trace.headers(envelope.run) | {str(Header.EXPECTED_LAST_SUBJECT_SEQUENCE.value): "0"}
    try:
        await bus.jetstream.publish(
            subjects.jobs(job.queue, job.id), envelope.model_dump_json().encode(), headers=headers
        )
    except APIError as error:
        if error.err_code == WRONG_LAST_SEQUENCE:
            return False
        raise
    return True


async def cancel(bus: Bus, request: CancelJob, *, run: str, sender: str) -> bool:
    """Journal the request, for a job not yet taken, and tell the workers; False when it was asked before."""
    envelope = wrap(request, run=run, sender=sender, recipient="worker", id=cancel_id(request.job))
    first = await Journal(bus, run).append(envelope)
    await bus.publish(subjects.cancel(request.job), envelope)  # again even if journaled: it may have been missed
    return first
