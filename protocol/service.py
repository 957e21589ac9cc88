"""A service on the bus: answers one or more types of request, beats while it works, journals what it says.

Registered over the NATS Services API (https://github.com/nats-io/nats-architecture-and-design, ADR-32), so that
`nats micro ls` shows it. A request that is asked again under the same id, because its asker lost patience or came
back from the dead, joins the work in progress or gets the answer from the journal: nothing is thought twice.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Any

from nats.errors import Error as NatsError
from nats.micro import add_service
from nats.micro.request import Request
from nats.micro.service import EndpointConfig, ServiceConfig

from protocol import subjects
from protocol.bus import BEAT, Bus, Handler
from protocol.control import Failure, Working
from protocol.envelope import NO_RUN, Envelope, wrap
from protocol.journal import Journal
from protocol.message import Message, message_id
from protocol.tasks import stop

log = logging.getLogger(__name__)
VERSION = "0.1.0"


def reply_id(question: Envelope) -> str:
    """The id of the answer to `question`: known before the answer is."""
    return message_id(question.run, question.id, "reply")


class Service:
    """Serves `handlers` (request type → handler) under a name, for one run or for all."""

    def __init__(
        self, bus: Bus, name: str, handlers: Mapping[type[Message], Handler], run: str | None = None, about: str = ""
    ) -> None:
        self.bus, self.name, self.run, self.about = bus, name, run, about
        self.handlers = {kind.model_fields["type"].default: handler for kind, handler in handlers.items()}
        self._work: dict[str, asyncio.Task[Envelope]] = {}
        self._replies: set[asyncio.Task[None]] = set()
        self._micro: Any = None

    async def start(self) -> None:
        config = ServiceConfig(name=self.name, version=VERSION, description=self.about or self.name)
        self._micro = await add_service(self.bus.client, config)
        subject = subjects.ask(self.name, self.run)
        await self._micro.add_endpoint(EndpointConfig(name="ask", subject=subject, handler=self._receive))

    async def drain(self) -> None:
        """Take no more questions, and return when those that were taken are answered."""
        if self._micro is not None:
            await self._micro.stop()
            self._micro = None
        while self._work or self._replies:
            await asyncio.wait({*self._work.values(), *self._replies})
            await asyncio.sleep(0)  # for those that are done to be taken out
        if not self.bus.client.is_closed:
            await self.bus.client.flush()

    async def stop(self) -> None:
        await stop([*self._work.values(), *self._replies])
        if self._micro is not None and not self.bus.client.is_closed:
            await self._micro.stop()

    async def _receive(self, request: Request) -> None:
        question = await self.bus.parse(request.data, request.subject, self.name)
        if question is None:
            return
        work = self._work.get(question.id)
        if work is None:
            work = asyncio.create_task(self._answer(question))
            self._work[question.id] = work
            work.add_done_callback(lambda _: self._work.pop(question.id, None))
        reply = asyncio.create_task(self._reply(request, question, work))
        self._replies.add(reply)
        reply.add_done_callback(self._replies.discard)

    async def _reply(self, request: Request, question: Envelope, work: asyncio.Task[Envelope]) -> None:
        """Acknowledge at once, beat while the work goes on, then send the answer."""
        beat = 0
        try:
            while True:
                working = wrap(Working(by=self.name, beat=beat), run=question.run, sender=self.name, id=f"{beat}")
                await request.respond(working.model_dump_json().encode())
                done, _ = await asyncio.wait({work}, timeout=BEAT)
                if done:
                    break
                beat += 1
            if not work.cancelled():
                await request.respond(work.result().model_dump_json().encode())
        except (NatsError, OSError) as error:  # the bus is away; the asker asks again
            log.warning("%s could not reply to %s: %s", self.name, question.sender, error)

    async def _answer(self, question: Envelope) -> Envelope:
        """The answer; a `Failure` when there is one that cannot be kept."""
        try:
            return await self._kept_answer(question)
        except Exception as error:  # the journal does not answer, the answer is too large for a message, …
            return self._wrap(question, self._failure(question, error))

    async def _kept_answer(self, question: Envelope) -> Envelope:
        """The answer, from the journal if it was given before. What belongs to no run is not kept."""
        if question.run == NO_RUN:
            return self._wrap(question, await self._think(question))
        journal = Journal(self.bus, question.run)
        before = await journal.find(reply_id(question))
        if before is not None:
            return before
        answer = self._wrap(question, await self._think(question))
        if isinstance(answer.data, Failure):  # it may be asked again
            return answer
        if not await journal.append(answer):  # another instance, asked in the meantime, was faster: that one counts
            return await journal.find(answer.id) or answer
        return answer

    def _wrap(self, question: Envelope, message: Message) -> Envelope:
        to, id = question.sender, reply_id(question)
        return wrap(message, run=question.run, sender=self.name, recipient=to, causation=question.id, id=id)

    async def _think(self, question: Envelope) -> Message:
        handler = self.handlers.get(question.data.type)
        if handler is None:
            return Failure(
                error=f"{self.name} does not answer {question.data.type}; it answers {', '.join(self.handlers)}"
            )
        try:
            return await handler(question)
        except Exception as error:  # a service outlives what one request does to it, and says what it was
            return self._failure(question, error)

    def _failure(self, question: Envelope, error: Exception) -> Failure:
        """An error with an exit code (ours, or a tool's that knows nothing of us) says in a sentence what to do."""
        exit_code = getattr(error, "exit_code", None)
        if isinstance(exit_code, int):
            return Failure(error=str(error), exit_code=exit_code)
        log.error("%s could not answer %s", self.name, question.data.type, exc_info=error)
        return Failure(error=f"{type(error).__name__}: {error}", detail=question.data.type)
