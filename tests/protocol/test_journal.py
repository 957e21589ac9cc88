"""The journal: written once for ever, found by id, replayed from any point."""

from __future__ import annotations

from protocol import subjects
from protocol.bus import Bus
from protocol.control import Tell
from protocol.envelope import wrap
from protocol.job import JobCancelled, JobFinished
from protocol.journal import Journal
from protocol.queue import end_id


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


async def test_what_does_not_parse_is_passed_over_even_at_the_end(bus: Bus) -> None:
    journal = Journal(bus, "r1")
    await journal.create()
    envelope = wrap(Tell(text="hello"), run="r1", sender="user")
    for id, data in (("a", b"{}"), ("b", envelope.model_dump_json().encode()), ("c", b"no json")):
        await bus.jetstream.publish(subjects.said("r1", "tell", id), data)
    assert [sequence async for sequence, _ in journal.replay()] == [2]
    assert [sequence async for sequence, _ in journal.follow(idle=0.2)] == [2]


async def test_a_job_ends_once_whatever_the_end_is(bus: Bus) -> None:
    journal = Journal(bus, "r1")
    await journal.create()
    about = {"job": "j1", "experiment": "sft-1", "at": 0.0}
    done = JobFinished(**about, model="m", steps=1, seconds=1.0, train_seconds=1.0)
    late = JobCancelled(**about, reason="asked")
    first, second = (wrap(end, run="r1", sender="worker", id=end_id("j1")) for end in (done, late))
    assert await journal.append(first) is True
    assert await journal.append(second) is False
    assert await journal.find(end_id("j1")) == first
    assert await journal.find(end_id("j1"), "job_cancelled") == first
