"""The worker's end of the job queue: which lanes there are, what waits in them, and the next job of one.

The lanes are seen as JetStream shows their consumers. It counts jobs that were never out (`num_pending`) and jobs that
are out (`num_ack_pending`), but a job whose worker died, or that was given back, is still "out" until it is asked for:
hence the workers tell each other which jobs they hold, and what nobody holds counts as waiting.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
import time
from collections import Counter
from contextlib import suppress
from datetime import datetime
from typing import Any

from nats.aio.msg import Msg
from nats.errors import NoRespondersError
from nats.js.errors import NotFoundError

from protocol import subjects
from protocol.bus import Bus
from protocol.errors import BadInput
from protocol.job import Job
from protocol.lane import Lane, parse_lane
from protocol.queue import LEASE, ensure_lane, ensure_queue
from services.executor.delivery import ENDED, GIVEN_BACK, Delivery
from services.executor.inventory.policy import LaneState
from services.executor.lease import Lease, clock

log = logging.getLogger(__name__)
NAME = re.compile(r"[A-Za-z0-9_-]+")
EMPTY_SECONDS = 0.5
"""Pause before a lane is asked again that had nothing and has not changed since: a job that comes back with a delay."""
TIMEOUT = 5.0
NANO = 1e9
CLOCKS_AGREE = 2.0
"""Seconds. A clock that is set by NTP is nearer than this, and an answer may be so long on its way."""


class BadQueueName(BadInput):
    """A queue's name becomes part of a NATS subject."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(f"{name!r} cannot name a queue: use letters, digits, '-' and '_'")


class JobQueue:
    """One queue, as a worker sees it."""

    def __init__(self, bus: Bus, name: str) -> None:
        if not NAME.fullmatch(name):
            raise BadQueueName(name)
        self.bus, self.name = bus, name
        self._news = asyncio.Event()
        self._subscriptions: list[Any] = []
        self._held: dict[str, float] = {}
        """Subject of a job → when a worker last said that it has it (monotonic)."""
        self._since: dict[Lane, float] | None = None
        """Lane → since when jobs wait in it and none is taken (Unix time); None before the first look."""
        self._leases: dict[Lane, float] = {}
        """Lane → seconds of its leases, as its consumer has them."""
        self._looked: dict[Lane, tuple[int, ...]] = {}
        """Lane → how its consumer stood at the last look."""
        self._empty: dict[Lane, tuple[float, tuple[int, ...]]] = {}
        """Lane → when it had nothing (monotonic), and how its consumer stood then."""
        self.ahead = 0.0
        """Seconds by which this machine's clock is ahead of the server's; what is within `CLOCKS_AGREE` counts as 0."""

    async def open(self) -> None:
        """Make the stream where it is not, and listen for news."""
        await ensure_queue(self.bus)
        for subject, hear in ((subjects.ready(self.name), self._hear_ready), (self._all_held, self._hear_held)):
            self._subscriptions.append(await self.bus.client.subscribe(subject, cb=hear))
        await self.restore()

    async def close(self) -> None:
        """Stop listening."""
        for subscription in self._subscriptions:
            if not self.bus.client.is_closed:
                await subscription.unsubscribe()
        self._subscriptions.clear()

    async def news(self, timeout: float) -> None:
        """Wait until a job is submitted or given back, but no longer than `timeout` seconds."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._news.wait(), timeout)
        self._news.clear()

    def wake(self) -> None:
        """Have `news` return: something else has changed."""
        self._news.set()

    async def lanes(self) -> list[LaneState]:
        """The queue's lanes in which a job waits or is with a worker."""
        consumers, held = await self._consumers(), self._count_held()
        found = [state for info in consumers if (state := self._state(info, held)) is not None]
        now = time.time()
        before, self._since = self._since, {}
        for n, state in enumerate(found):
            if state.waiting:
                # at the first look nobody knows when its jobs came: at the earliest after the last was taken
                known = now if before is not None else state.since
                self._since[state.lane] = max((before or {}).get(state.lane, known), state.served)
                found[n] = state.model_copy(update={"since": self._since[state.lane]})
        return [state for state in found if state.waiting or state.running]

    async def take(self, lane: Lane) -> Delivery | None:
        """The next job of a lane, or None when there is none. What is no job goes to the dead letters."""
        asked = clock()
        msg = await self._next(lane)
        if msg is None:
            self._empty[lane] = time.monotonic(), self._looked.get(lane, ())
            return None
        envelope = await self.bus.parse(msg.data, msg.subject, "worker")
        if envelope is not None and isinstance(envelope.data, Job):
            lease = Lease(self._leases.get(lane, LEASE), asked)
            delivery = Delivery(self.bus, msg, envelope, envelope.data, lease, self.ahead)
            await delivery.tell()
            return delivery
        if envelope is not None:
            await self.bus.bury(msg.subject, f"{envelope.data.type} is no job", msg.data, "worker")
        await msg.term()
        return None

    async def restore(self) -> None:
        """Make the lanes of waiting jobs where the server has forgotten them; bury what is in no lane."""
        consumers = await self._consumers()
        counted = sum(info["num_pending"] + info["num_ack_pending"] for info in consumers)
        if (await self.bus.jetstream.stream_info(subjects.JOBS_STREAM)).state.messages <= counted:
            return  # the rule: every job of every queue is in a lane
        info = await self.bus.jetstream.stream_info(subjects.JOBS_STREAM, subjects_filter=subjects.jobs(self.name))
        lanes = {subject: parse_lane(subject) for subject in info.state.subjects or {}}
        known = {found["config"].get("filter_subject") for found in consumers}
        for lane in {lane for lane in lanes.values() if lane is not None and lane.filter not in known}:
            log.info("the queue had forgotten lane %s", lane.filter)
            await ensure_lane(self.bus, lane)
        for subject in (subject for subject, lane in lanes.items() if lane is None):
            await self._bury(subject)

    @property
    def _all_held(self) -> str:
        return subjects.held(self.name)

    async def _hear_ready(self, msg: Msg) -> None:
        self._news.set()

    async def _hear_held(self, msg: Msg) -> None:
        job = msg.subject.removeprefix(self._all_held.removesuffix(">"))
        if msg.data in (ENDED, GIVEN_BACK):
            self._held.pop(job, None)
        else:
            self._held[job] = time.monotonic()
        if msg.data == GIVEN_BACK and (lane := parse_lane(job)) is not None:
            self._empty.pop(lane, None)
            self._news.set()

    def _count_held(self) -> Counter[str]:
        """Jobs that workers hold, by the filter of their lane."""
        now = time.monotonic()
        for job, heard in list(self._held.items()):
            lane = parse_lane(job)
            if lane is None or now - heard > self._leases.get(lane, LEASE):
                del self._held[job]
        return Counter(f"{job.rpartition('.')[0]}.*" for job in self._held)

    def _state(self, info: dict[str, Any], held: Counter[str]) -> LaneState | None:
        """What JetStream tells of one consumer; None when it is none of this queue's lanes."""
        lane = parse_lane(info["config"].get("filter_subject", ""))
        if lane is None or lane.queue != self.name:
            return None
        self._leases[lane] = info["config"]["ack_wait"] / NANO
        fresh, out = info["num_pending"], info["num_ack_pending"]
        stands = self._looked[lane] = (fresh, out, info["delivered"]["consumer_seq"])
        at, stood = self._empty.get(lane, (0.0, ()))
        if stood == stands and time.monotonic() - at < EMPTY_SECONDS:
            waiting = 0
        else:
            waiting = fresh + max(0, out - held[lane.filter])
        told_at = info["delivered"].get("last_active")
        served = _unix(told_at) + self.ahead if told_at else 0.0
        since = max(served, _unix(info["created"]) + self.ahead)
        return LaneState(lane=lane, waiting=waiting, running=out, served=served, since=since)

    async def _consumers(self) -> list[dict[str, Any]]:
        """All consumers of the stream; the server tells them by the page."""
        found: list[dict[str, Any]] = []
        while True:
            page = json.dumps({"offset": len(found)}).encode()
            subject = f"$JS.API.CONSUMER.LIST.{subjects.JOBS_STREAM}"
            answer = json.loads((await self.bus.client.request(subject, page, timeout=TIMEOUT)).data)
            if "error" in answer:
                raise NotFoundError.from_error(answer["error"])
            found += answer["consumers"]
            if not answer["consumers"] or len(found) >= answer["total"]:
                self._compare_clocks(found[-1:])
                return found

    def _compare_clocks(self, consumers: list[dict[str, Any]]) -> None:
        for ahead in (time.time() - _unix(info["ts"]) for info in consumers):
            told, self.ahead = self.ahead, ahead if abs(ahead) > CLOCKS_AGREE else 0.0
            if abs(self.ahead - told) > CLOCKS_AGREE:
                log.warning("this machine's clock is %.1f s ahead of the bus's: let NTP set both", self.ahead)

    async def _next(self, lane: Lane) -> Msg | None:
        """Ask a lane for a job without waiting for one."""
        subject = f"$JS.API.CONSUMER.MSG.NEXT.{subjects.JOBS_STREAM}.{lane.consumer}"
        request = json.dumps({"batch": 1, "no_wait": True}).encode()
        try:
            # an answer comes under the job's own subject, which only this style of request is prepared for
            msg = await self.bus.client.request(subject, request, timeout=TIMEOUT, old_style=True)
        except NoRespondersError:  # the server has just forgotten it
            await ensure_lane(self.bus, lane)
            return None
        return msg if msg.reply else None  # a status, as "404 No Messages", wants no answer

    async def _bury(self, subject: str) -> None:
        msg = await self.bus.jetstream.get_last_msg(subjects.JOBS_STREAM, subject)
        await self.bus.bury(subject, "it stands in no lane of the queue", msg.data or b"", "worker")
        await self.bus.jetstream.delete_msg(subjects.JOBS_STREAM, msg.seq or 0)


def _unix(time: str) -> float:
    """Of `2026-11-23T07:44:24.540530034Z`."""
    return datetime.fromisoformat(time).timestamp()
