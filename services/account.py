"""What the minds of a run have spent, wherever they are: the crew's process, roles served elsewhere, `postdocs ask`.

Each process counts its own spending as it goes, and reads that of the others from the journal before every answer.
An answer that is under way elsewhere counts when it has ended: so many may pass a run's budget together.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import replace

from agents.mind import Mind, Turn
from agents.minds.llm.limits import Limits
from protocol.journal import Journal
from protocol.message import Message
from protocol.thought import Thought


class Account:
    """A run's limits, kept abreast of its journal."""

    def __init__(self, journal: Journal, limits: Limits, hear: Callable[[Message], None]) -> None:
        """`hear` gets everything else that the journal holds."""
        self.limits = limits
        self._journal, self._hear = journal, hear
        self._read = 0
        """Sequence number up to which the journal is counted."""
        self._own: Counter[Thought] = Counter()
        """Counted as it was spent, and not yet met in the journal."""
        self._reading = asyncio.Lock()

    async def catch_up(self) -> None:
        """Count what others have spent since the last time; at first, all that was ever spent."""
        async with self._reading:
            async for sequence, envelope in self._journal.replay(self._read):
                said, self._read = envelope.data, sequence
                if not isinstance(said, Thought):
                    self._hear(said)
                elif self._own[said]:
                    self._own[said] -= 1
                else:
                    self.limits.of(said.role).note(said)

    def own(self, cost: Thought) -> None:
        """It is going to stand in the journal, and is counted already."""
        self._own[cost] += 1


class AccountedMind:
    """A mind that knows what the others have spent when it begins to think."""

    def __init__(self, mind: Mind, account: Account) -> None:
        self.name, self._mind, self._account = mind.name, mind, account

    async def think(self, request: Message, turn: Turn) -> Message:
        """As the mind itself."""

        async def say(message: Message) -> None:
            if isinstance(message, Thought):
                self._account.own(message)
            await turn.say(message)

        await self._account.catch_up()
        return await self._mind.think(request, replace(turn, say=say))
