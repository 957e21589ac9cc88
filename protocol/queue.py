"""The work queue of jobs: how a job is submitted and cancelled. Called by the graph; workers take from it.

A job's envelope is journaled first and queued second. Both steps may be repeated after a crash in between: the
journal keeps one copy by id, the queue holds a job at most once, and a job whose end is journaled is not queued again.

The queue is one JetStream stream with a durable consumer for each lane (`protocol/lane.py`). A work-queue stream keeps
a message until it is acknowledged, whether or not a consumer is there: a consumer that the server forgets because
nobody has asked it for `LANE_IDLE` loses no job, the worker that comes next makes it again.
"""

from __future__ import annotations

from nats.js.api import AckPolicy, ConsumerConfig, Header, RetentionPolicy, StorageType, StreamConfig
from nats.js.errors import APIError, NotFoundError

from protocol import subjects, trace
from protocol.bus import Bus
from protocol.envelope import Envelope, wrap
from protocol.job import CancelJob, Job
from protocol.journal import WRONG_LAST_SEQUENCE, Journal
from protocol.lane import Lane, lane_of
from protocol.message import message_id

LEASE = 10.0
"""Seconds without a heartbeat after which a job is given to another worker."""
LANE_IDLE = 24 * 3600.0
"""Seconds after which the server forgets a lane that nobody has asked for a job, and of which none is with a worker."""
MAX_HELD = 10_000
"""Jobs of one lane that may be with workers at a time; far above any number of slots."""


def end_id(job: str) -> str:
    """Id of the one message that ends a job, whatever the end is."""
    return message_id(job, "end")


def given_back_id(job: str, delivery: int) -> str:
    """Id of the note that a delivery of a job ended through no fault of the job."""
    return message_id(job, delivery, "given_back")


def accepted_id(job: str, delivery: int) -> str:
    """The id of the event that a worker has taken up this delivery of a job."""
    return message_id(job, delivery, "job_accepted")


def started_id(job: str, delivery: int) -> str:
    """Id of the word that a delivery of a job has started."""
    return message_id(job, delivery, "job_started")


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


async def ensure_lane(bus: Bus, lane: Lane, idle: float = LANE_IDLE) -> None:
    """Make the consumer of a lane; does nothing where it exists. Raises `NotFoundError` without the stream."""
    config = ConsumerConfig(
        durable_name=lane.consumer,
        filter_subject=lane.filter,
        ack_policy=AckPolicy.EXPLICIT,
        ack_wait=LEASE,
        max_deliver=-1,  # no limit: the worker that takes a job judges how often it may still be tried
        max_ack_pending=MAX_HELD,
        inactive_threshold=idle,
    )
    await bus.jetstream.add_consumer(subjects.JOBS_STREAM, config)


async def submit(bus: Bus, envelope: Envelope) -> bool:
    """Journal and queue the job in `envelope`; False when it waits, runs or has ended already."""
    job = envelope.data
    if not isinstance(job, Job):
        raise TypeError(f"only a job can be queued, not {envelope.data.type}")
    journal = Journal(bus, envelope.run)
    await journal.append(envelope)
    if await journal.find(end_id(job.id)) is not None:
        return False
    lane = lane_of(job)
    try:
        await ensure_lane(bus, lane)
    except NotFoundError:  # the first job of all
        await ensure_queue(bus)
        await ensure_lane(bus, lane)
    queued = await _enqueue(bus, envelope, lane.subject(job.id))
    await bus.client.publish(subjects.ready(job.queue))  # a worker that misses it finds the job at its next look
    return queued


async def _enqueue(bus: Bus, envelope: Envelope, subject: str) -> bool:
    headers = trace.headers(envelope.run) | {str(Header.EXPECTED_LAST_SUBJECT_SEQUENCE.value): "0"}
    try:
        await bus.jetstream.publish(subject, envelope.model_dump_json().encode(), headers=headers)
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
