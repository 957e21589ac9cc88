"""The journal: written once for ever, found by id, replayed from any point."""

from __future__ import annotations

from protocol.bus import Bus
from protocol.control import Tell
from protocol.envelope import wrap
from protocol.journal import Journal


async def test_appending_twice_is_harmless(bus: Bus) -> None:
    journal = Journal(bus, "r1")
    await journal.create()
    envelope = wrap(Tell(text="hello"), run="r1", sender="user")
    assert await journal.append(envelope) is True
    assert await journal.append(envelope) is False
    assert [e.id async for _, e in journal.replay()] == [envelope.id]


async def test_a_message_is_found_by_its_id_alone(bus: Bus) -> None:
    journal = Journal(bus, "r1")
    await journal.create()
    envelope = wrap(Tell(text="hello"), run="r1", sender="user")
    await journal.append(envelope)
    found = await journal.find(envelope.id)
    assert found == envelope
    assert await journal.find("nobody") is None


async def test_replay_begins_after_any_sequence(bus: Bus) -> None:
    journal = Journal(bus, "r1")
    await journal.create()
    for number in range(5):
        await journal.append(wrap(Tell(text=str(number)), run="r1", sender="user"))
    replayed = [(sequence, e.data.text) async for sequence, e in journal.replay(after=2)]
    assert replayed == [(3, "2"), (4, "3"), (5, "4")]


async def test_an_empty_journal_replays_to_nothing(bus: Bus) -> None:
    journal = Journal(bus, "r1")
    await journal.create()
    assert [e async for e in journal.replay()] == []


async def test_two_runs_keep_two_journals(bus: Bus) -> None:
    one, two = Journal(bus, "one"), Journal(bus, "two")
    await one.create()
    await two.create()
    await one.append(wrap(Tell(text="1"), run="one", sender="user"))
    await two.append(wrap(Tell(text="2"), run="two", sender="user"))
    assert [e.data.text async for _, e in one.replay()] == ["1"]
    assert [e.data.text async for _, e in two.replay()] == ["2"]
