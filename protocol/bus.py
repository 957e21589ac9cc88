"""The bus: typed question and answer over the NATS Services API, publish and subscribe, dead letters.

Asking works like this. The request goes to the service's subject with an inbox to reply to; the service sends
`Working` at once and again every `BEAT` seconds, then its answer. Silence for longer than `silence` means that
the instance is gone, and another one is asked under the same message id, which makes the repeat harmless.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypeVar

from nats.aio.client import Client
from nats.errors import AuthorizationError
from nats.errors import Error as NatsError
from nats.errors import TimeoutError as NatsTimeout
from nats.js import JetStreamContext
from nats.js.api import StreamConfig
from nats.js.errors import ServiceUnavailableError
from pydantic import ValidationError

from protocol import subjects, trace
from protocol.control import DeadLetter, Failure, Working
from protocol.envelope import NO_RUN, Envelope, wrap
from protocol.errors import AnswerFailed, BusUnavailable, NoAnswer, WrongAnswer
from protocol.message import Message

BEAT = 1.0
"""Seconds between two heartbeats of a service that works on a request."""
SILENCE = 6.0
"""Seconds without a sign after which another instance is asked."""
NO_RESPONDERS = "503"
NO_JETSTREAM = (None, 10039, 10076)
"""JetStream's error codes for: nobody answers its requests, it is off for the account, it is off."""

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

        Raises `BusUnavailable` when nothing answers within `timeout` seconds, or a server does not let us in.
        """
        client, troubles = Client(), _Troubles()
        try:
            await asyncio.wait_for(_dial(client, url, token or None, name, troubles), timeout)
        except (OSError, NatsError, TimeoutError) as error:
            await client.close()
            why = troubles.last or error
            raise BusUnavailable(url, str(why) or type(why).__name__, *_remedy(why)) from error
        troubles.dialling = False
        return cls(client)

    async def make_stream(self, config: StreamConfig) -> None:
        """Make a stream; does nothing where it exists. Raises `BusUnavailable` on a server without JetStream."""
        try:
            await self.jetstream.add_stream(config)
        except ServiceUnavailableError as error:
            if error.err_code not in NO_JETSTREAM:
                raise
            url = self.client.connected_url
            where = url.geturl() if url else "(connection lost)"
            raise BusUnavailable(where, "it runs without JetStream", "start it as nats-server -js") from error

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
        await self.publish(subjects.dead(reader), wrap(letter, run=NO_RUN, sender=reader))

    async def ask(
        self,
        envelope: Envelope,
        expect: type[Answer],
        *,
        timeout: float = 600.0,
        silence: float = SILENCE,
    ) -> Envelope:
        """Ask `envelope.recipient` and wait for an answer of type `expect`, for as long as an instance is at it.

        Raises `NoAnswer` after `timeout` seconds without a sign from any instance, `AnswerFailed` when the service
        says that it could not, and `WrongAnswer` when it says something else.
        """
        patience = _Patience(timeout, silence)
        why = "no instance of it is on the bus"
        while patience.left() > 0:
            for subject in (
                subjects.ask(envelope.recipient, envelope.run),
                subjects.ask(envelope.recipient),
            ):
                answer = await self._ask_once(subject, envelope, patience)
                if isinstance(answer, Envelope):
                    return _checked(answer, envelope, expect)
                why = answer
            await asyncio.sleep(min(0.2, max(0.0, patience.left())))
        raise NoAnswer(envelope.recipient, envelope.data.headline(), timeout, why)

    async def _ask_once(self, subject: str, envelope: Envelope, patience: _Patience) -> Envelope | str:
        """One instance's answer, or why there is none."""
        inbox = self.client.new_inbox()
        subscription = await self.client.subscribe(inbox)
        try:
            await self.client.publish(
                subject, envelope.model_dump_json().encode(), reply=inbox, headers=trace.headers(envelope.run)
            )
            while True:
                try:
                    msg = await subscription.next_msg(timeout=patience.next())
                except NatsTimeout:
                    return f"silent for {patience.silence:.0f} s"
                if not msg.data and (msg.headers or {}).get("Status") == NO_RESPONDERS:
                    return "no instance of it is on the bus"
                reply = await self.parse(msg.data, inbox, "asker")
                if reply is not None and not isinstance(reply.data, Working):
                    return reply
                if reply is not None:
                    patience.renew()
        finally:
            if not self.client.is_closed:
                await subscription.unsubscribe()


@dataclass
class _Patience:
    """How long an asker still waits: `timeout` counts from the last sign of life."""

    timeout: float
    silence: float
    heard: float = field(default_factory=time.monotonic)

    def renew(self) -> None:
        self.heard = time.monotonic()

    def left(self) -> float:
        return self.heard + self.timeout - time.monotonic()

    def next(self) -> float:
        """Seconds to wait for the next sign."""
        return max(0.01, min(self.silence, self.left()))


class _Troubles:
    """What nats-py complains of: it would print a traceback each time, the callers see one typed error instead."""

    def __init__(self) -> None:
        self.dialling = True
        self.last: Exception | None = None

    async def hear(self, error: Exception) -> None:
        if self.last is None or not _locked_out(self.last):  # the reset that follows a refusal explains nothing
            self.last = error
        if self.dialling and _locked_out(error):
            raise error  # to try again, as nats-py would, does not help


def _locked_out(error: Exception) -> bool:
    return isinstance(error, AuthorizationError) or "authorization violation" in str(error).lower()


def _remedy(error: Exception) -> tuple[str, ...]:
    """What to do about it, where that is not to start a server."""
    return ("set POSTDOCS_BUS_TOKEN to its token, or correct the user in the URL",) if _locked_out(error) else ()


async def _dial(client: Client, url: str, token: str | None, name: str, troubles: _Troubles) -> None:
    await client.connect(
        url,
        token=token,
        name=name,
        connect_timeout=2,
        max_reconnect_attempts=-1,
        reconnect_time_wait=1,
        error_cb=troubles.hear,
    )


def _checked(answer: Envelope, question: Envelope, expect: type[Answer]) -> Envelope:
    if isinstance(answer.data, Failure):
        failure = answer.data
        raise AnswerFailed(
            question.recipient, question.data.headline(), failure.error, failure.detail, failure.exit_code
        )
    if not isinstance(answer.data, expect):
        raise WrongAnswer(question.recipient, expect.__name__, type(answer.data).__name__)
    return answer
