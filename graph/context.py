"""What the nodes work with: the bus, the journal, the ledger kept up to date, the clock. Not part of the state."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from langchain_core.messages import AIMessage, BaseMessage

from graph.clock import Clock
from protocol.brief import Brief
from protocol.bus import Bus
from protocol.envelope import Envelope, wrap
from protocol.errors import WrongAnswer
from protocol.journal import Journal
from protocol.ledger import Ledger
from protocol.message import Message, message_id
from protocol.service import reply_id
from protocol.tasks import stop

Answer = TypeVar("Answer", bound=Message)
Listener = Callable[[int, Envelope, Ledger], None]
ME = "graph"


@dataclass
class CrewContext:
    """One run's connections. `async with` it: a follower then keeps the ledger up to date with the journal."""

    bus: Bus
    run: str
    clock: Clock
    listener: Listener | None = None
    journal: Journal = field(init=False)
    ledger: Ledger = field(init=False, default_factory=Ledger)
    requeued: bool = field(init=False, default=False)
    """Whether this session has made sure that what is journaled as queued stands in the queue."""
    _applied: set[str] = field(init=False, default_factory=set)
    _changed: asyncio.Condition = field(init=False, default_factory=asyncio.Condition)
    _follower: asyncio.Task[None] | None = field(init=False, default=None)
    _lines: list[BaseMessage] = field(init=False, default_factory=list)
    _early: dict[str, asyncio.Task[Any]] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self.journal = Journal(self.bus, self.run)

    async def __aenter__(self) -> CrewContext:
        await self.journal.create()
        last = 0
        async for sequence, envelope in self.journal.replay():
            self._take(sequence, envelope)
            last = sequence
        self._follower = asyncio.create_task(self._follow(last))
        return self

    async def __aexit__(self, *_: object) -> None:
        await stop([task for task in (self._follower, *self._early.values()) if task is not None])

    def _take(self, sequence: int, envelope: Envelope) -> None:
        self.ledger.apply(envelope)
        self._applied.add(envelope.id)
        if self.listener is not None:
            self.listener(sequence, envelope, self.ledger)

    async def _follow(self, after: int) -> None:
        async for sequence, envelope in self.journal.follow(after):
            self._take(sequence, envelope)
            async with self._changed:
                self._changed.notify_all()

    async def changed(self, seconds: float) -> None:
        """Wait until something more is said in the run, at most so long. Raises what stopped the follower."""
        if self._follower is not None and self._follower.done():
            self._follower.result()
        async with self._changed:
            try:
                async with asyncio.timeout(max(0.01, seconds)):
                    await self._changed.wait()
            except TimeoutError:
                return

    async def _settled(self, id: str) -> None:
        """Wait until the ledger has taken in the message with this id."""
        while id not in self._applied:
            await self.changed(1.0)

    async def settle(self, envelope: Envelope) -> None:
        """Wait until the ledger has taken in what somebody else wrote for us, and note it in the dialogue."""
        await self._settled(envelope.id)
        self._note(envelope)

    @property
    def brief(self) -> Brief:
        """The brief, which the launcher journals before the graph starts."""
        assert self.ledger.brief is not None, "the run has no brief in its journal"
        return self.ledger.brief

    @property
    def _root(self) -> str:
        """The run that ids are made from: in a fork the one that it comes from, so that answers are found."""
        fork = self.brief.fork
        return fork.root if fork else self.run

    async def say(self, message: Message, *key: object, sender: str = ME, recipient: str = "crew") -> Envelope:
        """Write something into the journal, once: `key` makes its id."""
        id = message_id(self._root, "said", message.type, *key)
        envelope = wrap(message, run=self.run, sender=sender, recipient=recipient, id=id)
        await self.journal.append(envelope)
        await self._settled(id)
        self._note(envelope)
        return envelope

    async def consult(
        self, recipient: str, question: Message, expect: type[Answer], *key: object, timeout: float = 600.0
    ) -> Answer:
        """Ask a role or service and wait for the answer.

        `key` makes the question's id. When the same was asked before, by a node that then died, the answer is taken
        from the journal: it is neither asked nor paid twice. In the place of a built-in role the one is asked that
        replaces it. Raises `NoAnswer` after `timeout` seconds without a sign, `AnswerFailed`, `WrongAnswer`.
        """
        recipient = self.brief.crew.answering(recipient)
        id = message_id(self._root, "asked", recipient, question.type, *key)
        envelope = wrap(question, run=self.run, sender=ME, recipient=recipient, id=id)
        answer = await self.journal.find(reply_id(envelope))
        if answer is None:
            await self.journal.append(envelope)
            answer = await self.bus.ask(envelope, expect, timeout=timeout)
        await self._settled(answer.id)
        if not isinstance(answer.data, expect):
            raise WrongAnswer(recipient, expect.__name__, type(answer.data).__name__)
        self._note(answer)
        return answer.data

    def _note(self, envelope: Envelope) -> None:
        self._lines.append(AIMessage(content=envelope.data.headline(), name=envelope.sender))

    def dialogue(self) -> list[BaseMessage]:
        """What was said since the last call, as named chat messages for the state."""
        lines, self._lines = self._lines, []
        return lines

    def begin(self, name: str, work: Callable[[CrewContext], Awaitable[None]]) -> None:
        """Start work that a later node will wait for with `finish`."""
        if name not in self._early:
            self._early[name] = asyncio.ensure_future(work(self))

    async def finish(self, name: str, work: Callable[[CrewContext], Awaitable[None]]) -> None:
        """Wait for that work; do it now where it was not begun (the process that began it has died)."""
        self.begin(name, work)
        await self._early[name]
