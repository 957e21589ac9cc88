"""The bus: typed question and answer over the NATS Services API, publish and subscribe, dead letters.

Asking works like this. The request goes to the service's subject with an inbox to reply to; the service sends
`Working` at once and again every `BEAT` seconds, then its answer. Silence for longer than `silence` means that
the instance is gone, and another one is asked under the same message id, which makes the repeat harmless.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeVar

from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.errors import TimeoutError as NatsTimeout
from nats.js import JetStreamContext
from pydantic import ValidationError

from protocol import subjects, trace
from protocol.control import DeadLetter, Failure, Working
from protocol.envelope import Envelope, wrap
from protocol.errors import AnswerFailed, BusUnavailable, NoAnswer, WrongAnswer
from protocol.message import Message

BEAT = 1.0
"""Seconds between two heartbeats of a service that works on a request."""
SILENCE = 6.0
"""Seconds without a sign after which another instance is asked."""
NO_RESPONDERS = "503"

Answer = TypeVar("Answer", bound=Message)
Handler = Callable[[Envelope], Awaitable[Message]]


class Bus:
    """A connection to NATS that speaks envelopes."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.jetstream: JetStreamContext = client.jetstream(timeout=10)

    @classmethod
    async def connect(cls, url: str, token: str | None = None, name: str = "postdocs", timeout: float = 10) -> Bus:
        """Connect to `nats://host:port`; a user, password or token may stand in the URL.

        Raises `BusUnavailable` when nothing answers within `timeout` seconds.
        """
        client = Client()
        try:
            await asyncio.wait_for(_dial(client, url, token, name), timeout)
        except (OSError, NatsError, TimeoutError) as error:
            raise BusUnavailable(url, str(error) or type(error).__name__) from error
        return cls(client)

    async def close(self) -> None:
        if not self.client.is_closed:
            await self.client.close()

    async def publish(self, subject: str, envelope: Envelope) -> None:
        """Send to whoever listens now; nothing is kept."""
        await self.client.publish(subject, envelope.model_dump_json().encode(), headers=trace.headers(envelope.run))

    async def subscribe(self, subject: str) -> AsyncIterator[Envelope]:
        """What is said on a subject from now on; what does not parse goes to the dead letters."""
        subscription = await self.client.subscribe(subject)
        try:
            async for msg in subscription.messages:
                envelope = await self.parse(msg.data, subject, "subscriber")
                if envelope is not None:
                    yield envelope
        finally:
            if not self.client.is_closed:
                await subscription.unsubscribe()

    async def parse(self, data: bytes, subject: str, reader: str) -> Envelope | None:
        """The envelope in `data`, or None after it was sent to the dead letters with the reason."""
        try:
            return Envelope.model_validate_json(data)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"]) or "message"
            await self.bury(subject, f"{where}: {first['msg']}", data, reader)
            return None

    async def bury(self, subject: str, reason: str, data: bytes, reader: str) -> None:
        """Send something that cannot be handled to the dead-letter subject."""
        letter = DeadLetter(subject=subject, reason=reason, payload=data[:4000].decode(errors="replace"))
        await self.publish(subjects.dead(reader), wrap(letter, run="none", sender=reader))

    async def ask(
        self,
        envelope: Envelope,
        expect: type[Answer],
        *,
        timeout: float = 600.0,
        silence: float = SILENCE,
    ) -> Envelope:
        """Ask `envelope.recipient` and wait for an answer of type `expect`.

        Raises `NoAnswer` after `timeout` seconds, `AnswerFailed` when the service says that it could not, and
        `WrongAnswer` when it says something else.
        """
        deadline = time.monotonic() + timeout
        why = "no instance of it is on the bus"
        while time.monotonic() < deadline:
            for subject in (
                subjects.ask(envelope.recipient, envelope.run),
                subjects.ask(envelope.recipient),
            ):
                answer = await self._ask_once(subject, envelope, min(silence, deadline - time.monotonic()), deadline)
                if isinstance(answer, Envelope):
                    return _checked(answer, envelope, expect)
                why = answer
            await asyncio.sleep(min(0.2, max(0.0, deadline - time.monotonic())))
        raise NoAnswer(envelope.recipient, envelope.data.headline(), timeout, why)

    async def _ask_once(self, subject: str, envelope: Envelope, silence: float, deadline: float) -> Envelope | str:
        """One instance's answer, or why there is none."""
        inbox = self.client.new_inbox()
        subscription = await self.client.subscribe(inbox)
        try:
            await self.client.publish(
                subject, envelope.model_dump_json().encode(), reply=inbox, headers=trace.headers(envelope.run)
            )
            while True:
                left = min(silence, deadline - time.monotonic())
                try:
                    msg = await subscription.next_msg(timeout=max(0.01, left))
                except NatsTimeout:
                    return f"silent for {silence:.0f} s"
                if not msg.data and (msg.headers or {}).get("Status") == NO_RESPONDERS:
                    return "no instance of it is on the bus"
                reply = await self.parse(msg.data, inbox, "asker")
                if reply is not None and not isinstance(reply.data, Working):
                    return reply
        finally:
            if not self.client.is_closed:
                await subscription.unsubscribe()


async def _quiet(error: Exception) -> None:
    """nats-py would print a traceback for every reconnection; the callers see typed errors instead."""


async def _dial(client: Client, url: str, token: str | None, name: str) -> None:
    await client.connect(
        url,
        token=token,
        name=name,
        connect_timeout=2,
        max_reconnect_attempts=-1,
        reconnect_time_wait=1,
        error_cb=_quiet,
    )


def _checked(answer: Envelope, question: Envelope, expect: type[Answer]) -> Envelope:
    if isinstance(answer.data, Failure):
        raise AnswerFailed(question.recipient, question.data.headline(), answer.data.error, answer.data.detail)
    if not isinstance(answer.data, expect):
        raise WrongAnswer(question.recipient, expect.__name__, type(answer.data).__name__)
    return answer
