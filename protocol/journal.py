"""The journal: the JetStream stream of a run, and the only authority on what was said and done in it.

Every message has a subject of its own, `run.<run>.said.<type>.<id>`, and is written with the expectation that
nothing stands there yet: appending twice is harmless for ever, not only within a deduplication window. The three
ends that a job may come to share a type there, so that the server itself admits one end a job.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from nats.errors import TimeoutError as NatsTimeout
from nats.js.api import ConsumerConfig, DeliverPolicy, Header, StorageType, StreamConfig
from nats.js.errors import APIError, NotFoundError

from protocol import subjects, trace
from protocol.brief import Brief
from protocol.bus import Bus
from protocol.envelope import Envelope
from protocol.message import message_id

WRONG_LAST_SEQUENCE = 10071
"""JetStream's error code for an append whose expectation does not hold: the message is there already."""


class Journal:
    """What was said in one run, in order."""

    def __init__(self, bus: Bus, run: str) -> None:
        self.bus, self.run = bus, run
        self.stream = subjects.journal_stream(run)

    async def create(self) -> None:
        """Make the stream; does nothing where it exists. Raises `BusUnavailable` on a server without JetStream."""
        config = StreamConfig(
            name=self.stream,
            subjects=[subjects.said(self.run)],
            storage=StorageType.FILE,
            allow_direct=True,
        )
        await self.bus.make_stream(config)

    async def exists(self) -> bool:
        try:
            await self.bus.jetstream.stream_info(self.stream)
        except NotFoundError:
            return False
        return True

    async def append(self, envelope: Envelope) -> bool:
        """Write it down; False when it stands there already (which is fine)."""
        subject = subjects.said(self.run, envelope.data.type, envelope.id)
        headers = trace.headers(self.run) | {str(Header.EXPECTED_LAST_SUBJECT_SEQUENCE.value): "0"}
        try:
            await self.bus.jetstream.publish(subject, envelope.model_dump_json().encode(), headers=headers)
        except APIError as error:
            if error.err_code == WRONG_LAST_SEQUENCE:
                return False
            raise
        return True

    async def find(self, id: str, type: str = "*") -> Envelope | None:
        """The message with this id, or None."""
        try:
            msg = await self.bus.jetstream.get_last_msg(self.stream, subjects.said(self.run, type, id))
        except NotFoundError:
            return None
        return Envelope.model_validate_json(msg.data or b"")

    async def brief(self) -> Brief | None:
        """What the run began with; None where it has not begun."""
        said = await self.find(message_id(self.run, "brief"))
        return said.data if said is not None and isinstance(said.data, Brief) else None

    async def last_sequence(self) -> int:
        info = await self.bus.jetstream.stream_info(self.stream)
        return int(info.state.last_seq)

    async def replay(self, after: int = 0) -> AsyncIterator[tuple[int, Envelope]]:
        """All that is written after a sequence number, then end."""
        last = await self.last_sequence()
        if last <= after:
            return
        async for sequence, envelope in self._read(after, None):
            if envelope is not None:
                yield sequence, envelope
            if sequence >= last:
                return

    async def follow(self, after: int = 0, idle: float | None = None) -> AsyncIterator[tuple[int, Envelope]]:
        """(sequence, envelope) of all after a sequence number, then of what is said from then on.

        With `idle` it ends when nothing comes for so many seconds, otherwise never.
        """
        async for sequence, envelope in self._read(after, idle):
            if envelope is not None:
                yield sequence, envelope

    async def _read(self, after: int, idle: float | None) -> AsyncIterator[tuple[int, Envelope | None]]:
        """As `follow`; None stands for what does not parse, which has gone to the dead letters."""
        config = ConsumerConfig(deliver_policy=DeliverPolicy.BY_START_SEQUENCE, opt_start_seq=after + 1)
        subscription = await self.bus.jetstream.subscribe(
            subjects.said(self.run), stream=self.stream, ordered_consumer=True, config=config
        )
        try:
            while True:
                try:
                    msg = await subscription.next_msg(timeout=idle or 3600)
                except NatsTimeout:
                    if idle is None:
                        continue
                    return
                yield int(msg.metadata.sequence.stream), await self.bus.parse(msg.data, msg.subject, "journal")
        finally:
            if not self.bus.client.is_closed:
                await subscription.unsubscribe()
