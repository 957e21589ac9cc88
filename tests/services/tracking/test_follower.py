"""What is said while a batch is being written is written too, though it be the run's last word."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence

import pytest
from test_tracking import RUN, started, the_end

from protocol.bus import Bus
from protocol.envelope import wrap
from protocol.journal import Journal
from services.tracking import follow
from services.tracking.follow import Follower
from services.tracking.record import Record, Summed
from tests.graph import story


class SlowTracker:
    """Its first write lasts until the test allows it to end."""

    name = "slow"

    def __init__(self) -> None:
        self.writing, self.go_on = threading.Event(), threading.Event()
        self.records: list[Record] = []

    def where(self) -> str:
        return "nowhere"

    def write(self, records: Sequence[tuple[int, Record]]) -> None:
        self.writing.set()
        assert self.go_on.wait(30)
        self.records += [record for _, record in records]

    def close(self) -> None: ...


async def test_what_comes_during_the_last_write_is_not_lost(bus: Bus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follow, "BATCH_SECONDS", 0.1)
    journal, tracker = Journal(bus, RUN), SlowTracker()
    await journal.create()
    opening = [story.brief(), *story.proposed(story.experiment("sft-1")), *started()]
    for message in opening:
        await journal.append(wrap(message, run=RUN, sender="test"))
    following = asyncio.create_task(Follower(journal, {"slow": lambda: tracker}, {}).run(asyncio.Event()))
    assert await asyncio.to_thread(tracker.writing.wait, 20)
    await journal.append(wrap(the_end(), run=RUN, sender="test"))
    await asyncio.sleep(1.0)  # the journal has been read to its end meanwhile
    tracker.go_on.set()
    await asyncio.wait_for(following, 20)
    last = tracker.records[-1]
    assert isinstance(last, Summed) and last.ended
