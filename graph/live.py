"""The connections of one invocation of Studio's graph: the bus, and a context for each run that it touches.

LangGraph's server makes the graph anew for each invocation, and leaves it at its end or at an interrupt; nothing here
outlives that. The bus comes from POSTDOCS_BUS_URL and POSTDOCS_BUS_TOKEN.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

from langchain_core.messages import BaseMessage
from nats.errors import Error as NatsError

from graph.chat import chat, event, whole
from graph.clock import Clock
from graph.context import CrewContext
from graph.state import DIALOGUE
from protocol.bus import Bus
from protocol.envelope import NO_RUN, Envelope, wrap
from protocol.errors import PostdocsError
from protocol.ledger import Ledger
from protocol.message import Message
from protocol.studio import DESK, OpenRun, RunOpened
from protocol.tasks import stop

DEFAULT_BUS = "nats://127.0.0.1:4222"
KEEP_SECONDS = 15.0
"""Between two words to the desk that a run is still looked at."""
DESK_SECONDS = 30.0
"""Without a sign of the desk."""
LEAVE_SECONDS = 2.0
"""For it to hear that a thread takes no more steps; it learns so by itself otherwise, later."""

Answer = TypeVar("Answer", bound=Message)
Writer = Callable[[dict[str, Any]], None]


class TakenOver(PostdocsError):
    """Another thread takes the steps of this run."""

    def __init__(self, run: str, thread: str) -> None:
        super().__init__(f"{run} is driven by another thread ({thread}): give its id as `run`, and it is shown here")


@asynccontextmanager
async def connected() -> AsyncIterator[Bus]:
    """A connection to the bus that Studio's server is told of. Raises `BusUnavailable`."""
    url, token = os.environ.get("POSTDOCS_BUS_URL", DEFAULT_BUS), os.environ.get("POSTDOCS_BUS_TOKEN")
    bus = await Bus.connect(url, token, name="studio's graph")
    try:
        yield bus
    finally:
        await bus.close()


class Hearing:
    """What is said in one run, kept for the chat and told to whoever streams.

    Whoever streams gets sub-steps for people, as they happen; or, with `whole_after`, every envelope that stands in the
    journal after that sequence number, what was said between two nodes or before included.
    """

    def __init__(self, whole_after: int | None = None) -> None:
        self.sequence = 0
        self._whole_after = whole_after
        self._writer: Writer | None = None
        self._lines: deque[tuple[int, BaseMessage]] = deque(maxlen=2 * DIALOGUE)
        self._untold: deque[dict[str, Any]] = deque()

    def __call__(self, sequence: int, envelope: Envelope, ledger: Ledger) -> None:
        self.sequence = sequence
        self._lines.extend((sequence, line) for line in chat(envelope))
        if self._whole_after is None:
            told = event(envelope) if self._writer else None
        else:
            told = whole(sequence, envelope) if sequence > self._whole_after else None
        if told is not None:
            self._untold.append(told)
            self._tell()

    @contextmanager
    def told(self, writer: Writer) -> Iterator[None]:
        """While it is entered, what is said goes to `writer`."""
        self._writer = writer
        try:
            self._tell()
            yield
        finally:
            self._writer = None

    def _tell(self) -> None:
        while self._writer is not None and self._untold:
            self._writer(self._untold.popleft())

    def since(self, sequence: int) -> list[BaseMessage]:
        """The chat messages after a sequence number of the journal."""
        return [line for at, line in self._lines if at > sequence]


@dataclass
class Live:
    """`async with Live() as live:` … `await live.context(run)`. `whole_after`: as in `Hearing`."""

    whole_after: int | None = None
    _stack: AsyncExitStack = field(init=False, default_factory=AsyncExitStack)
    _bus: Bus | None = field(init=False, default=None)
    _contexts: dict[str, tuple[CrewContext, Hearing]] = field(init=False, default_factory=dict)
    _keepers: list[asyncio.Task[None]] = field(init=False, default_factory=list)
    _driven: dict[str, str] = field(init=False, default_factory=dict)
    """Run → the thread that takes its steps: this one."""

    async def __aenter__(self) -> Live:
        return self

    async def __aexit__(self, *_: object) -> None:
        await stop(self._keepers)
        try:
            for run, thread in self._driven.items():
                await self._leave(run, thread)
        finally:
            await self._stack.aclose()

    async def _leave(self, run: str, thread: str) -> None:
        """Let another thread take the steps from now on."""
        with contextlib.suppress(PostdocsError, NatsError, OSError, TimeoutError):
            async with asyncio.timeout(LEAVE_SECONDS):
                await self.ask(OpenRun(run=run, thread=thread, leaves=True), RunOpened)

    async def bus(self) -> Bus:
        """The connection, made when it is first wanted. Raises `BusUnavailable`."""
        if self._bus is None:
            self._bus = await self._stack.enter_async_context(connected())
        return self._bus

    async def ask(self, question: Message, expect: type[Answer]) -> Answer:
        """Ask the desk. Raises `NoAnswer`, and `AnswerFailed` with the desk's own words."""
        bus = await self.bus()
        envelope = wrap(question, run=NO_RUN, sender="graph", recipient=DESK, id=os.urandom(12).hex())
        answer = await bus.ask(envelope, expect, timeout=DESK_SECONDS)
        assert isinstance(answer.data, expect)
        return answer.data

    async def open(self, run: str, thread: str = "") -> RunOpened:
        """Have a run's processes kept going for a while. Its steps are taken by `thread` from now on, where no other
        does: the answer says who. Without one it is only looked at."""
        opened = await self.ask(OpenRun(run=run, thread=thread), RunOpened)
        if thread and opened.driver == thread:
            self._driven[opened.run] = thread
        return opened

    async def context(self, run: str, thread: str = "") -> tuple[CrewContext, Hearing]:
        """A run's context, with its processes kept going from now on. Raises `TakenOver` where `thread` is not the one
        that takes its steps."""
        if run not in self._contexts:
            await self._kept(run, thread)
            self._keepers.append(asyncio.create_task(self._keep(run, thread)))
            hearing = Hearing(self.whole_after)
            context = CrewContext(await self.bus(), run, Clock(0.0), hearing)
            await self._stack.enter_async_context(context)
            while context.ledger.brief is None:
                await context.changed(1.0)
            context.clock.budget = context.ledger.brief.task.budget.time
            self._contexts[run] = context, hearing
        return self._contexts[run]

    async def _keep(self, run: str, thread: str) -> None:
        while True:
            await asyncio.sleep(KEEP_SECONDS)
            await self._kept(run, thread)

    async def _kept(self, run: str, thread: str) -> None:
        opened = await self.open(run, thread)
        if thread and opened.driver not in ("", thread):
            raise TakenOver(run, opened.driver)

    async def guard(self, work: Awaitable[Any]) -> Any:
        """The result of `work`; raises what the desk says when a run's processes cannot be kept going meanwhile."""
        task = asyncio.ensure_future(work)
        try:
            await asyncio.wait({task, *self._keepers}, return_when=asyncio.FIRST_COMPLETED)
            for keeper in self._keepers:
                if keeper.done():
                    keeper.result()
            return await task
        finally:
            await stop([task])
