"""Question and answer over real NATS: acknowledged, kept alive by beats, answered once."""

from __future__ import annotations

import asyncio

import pytest

from protocol import subjects
from protocol.bus import Bus
from protocol.control import Tell
from protocol.envelope import Envelope, wrap
from protocol.errors import AnswerFailed, BadInput, NoAnswer, WrongAnswer
from protocol.journal import Journal
from protocol.message import Message
from protocol.schedule import RungCheck, RungVerdict
from protocol.service import Service, reply_id
from services.bus_server import Connection

CURVE = {"experiment": "sft-1", "rung": 0, "max_steps": 10, "steps": (1,), "losses": (2.0,)}


def question(run: str = "r1", nonce: str = "a") -> Envelope:
    check = RungCheck.model_validate({"check_point": 0.5, "curve": CURVE, "peers": ()})
    return wrap(check, run=run, sender="graph", recipient="experimentalist", id=f"q-{nonce}")


async def keep(_: Envelope) -> Message:
    return RungVerdict(experiment="sft-1", check_point=0.5, keep=True, reason="leads")


async def test_a_typed_answer_comes_back_and_stands_in_the_journal(bus: Bus) -> None:
    await Journal(bus, "r1").create()
    service = Service(bus, "experimentalist", {RungCheck: keep})
    await service.start()
    answer = await bus.ask(question(), RungVerdict, timeout=5)
    assert isinstance(answer.data, RungVerdict)
    assert answer.data.keep
    assert await Journal(bus, "r1").find(answer.id) == answer
    await service.stop()


async def test_a_question_asked_twice_is_thought_about_once(bus: Bus) -> None:
    await Journal(bus, "r1").create()
    thoughts = 0

    async def think(_: Envelope) -> Message:
        nonlocal thoughts
        thoughts += 1
        await asyncio.sleep(0.3)
        return RungVerdict(experiment="sft-1", check_point=0.5, keep=True, reason="leads")

    service = Service(bus, "experimentalist", {RungCheck: think})
    await service.start()
    first, second = await asyncio.gather(*(bus.ask(question(), RungVerdict, timeout=5) for _ in range(2)))
    third = await bus.ask(question(), RungVerdict, timeout=5)
    assert first == second == third
    assert thoughts == 1
    await service.stop()


async def test_of_two_instances_that_were_asked_the_faster_one_counts(bus: Bus) -> None:
    journal = Journal(bus, "r1")
    await journal.create()

    async def slower(asked: Envelope) -> Message:
        faster = RungVerdict(experiment="sft-1", check_point=0.5, keep=False, reason="faster")
        await journal.append(wrap(faster, run="r1", sender="experimentalist", id=reply_id(asked)))
        return await keep(asked)

    service = Service(bus, "experimentalist", {RungCheck: slower})
    await service.start()
    answer = await bus.ask(question(), RungVerdict, timeout=5)
    assert isinstance(answer.data, RungVerdict) and answer.data.reason == "faster"
    assert await journal.find(answer.id) == answer
    await service.stop()


async def test_one_that_drains_answers_what_it_has_and_takes_no_more(bus: Bus) -> None:
    await Journal(bus, "r1").create()
    asked = asyncio.Event()

    async def slow(told: Envelope) -> Message:
        asked.set()
        await asyncio.sleep(0.5)
        return await keep(told)

    service = Service(bus, "experimentalist", {RungCheck: slow})
    await service.start()
    waiting = asyncio.create_task(bus.ask(question(), RungVerdict, timeout=5))
    await asked.wait()
    await service.drain()
    assert isinstance((await waiting).data, RungVerdict)
    with pytest.raises(NoAnswer, match="no instance of it is on the bus"):
        await bus.ask(question(nonce="b"), RungVerdict, timeout=0.5)
    await service.stop()


async def test_beats_keep_a_slow_answer_alive_beyond_the_time_limit_for_silence(bus: Bus) -> None:
    await Journal(bus, "r1").create()

    async def slow(_: Envelope) -> Message:
        await asyncio.sleep(2.5)
        return RungVerdict(experiment="sft-1", check_point=0.5, keep=False, reason="slow")

    service = Service(bus, "experimentalist", {RungCheck: slow})
    await service.start()
    answer = await bus.ask(question(), RungVerdict, timeout=2, silence=1.6)
    assert isinstance(answer.data, RungVerdict)
    await service.stop()


async def test_when_an_instance_dies_another_answers(bus: Bus, server: Connection) -> None:
    await Journal(bus, "r1").create()
    dying = await server.connect("dying")
    asked = asyncio.Event()

    async def never(_: Envelope) -> Message:
        asked.set()
        await asyncio.sleep(60)
        raise AssertionError("unreachable")

    await Service(dying, "experimentalist", {RungCheck: never}).start()
    asking = asyncio.create_task(bus.ask(question(), RungVerdict, timeout=10, silence=1.5))
    await asked.wait()
    await dying.close()
    heir = Service(bus, "experimentalist", {RungCheck: keep})
    await heir.start()
    answer = await asking
    assert isinstance(answer.data, RungVerdict)
    await heir.stop()


async def test_nobody_there_is_a_typed_error(bus: Bus) -> None:
    with pytest.raises(NoAnswer, match="no instance of it is on the bus"):
        await bus.ask(question(), RungVerdict, timeout=0.5)


async def test_a_service_that_fails_says_why(bus: Bus) -> None:
    await Journal(bus, "r1").create()

    async def fail(_: Envelope) -> Message:
        raise BadInput("the model folder is empty")

    service = Service(bus, "experimentalist", {RungCheck: fail})
    await service.start()
    with pytest.raises(AnswerFailed, match="the model folder is empty") as caught:
        await bus.ask(question(), RungVerdict, timeout=5)
    assert caught.value.exit_code == BadInput.exit_code
    await service.stop()


async def test_an_answer_that_cannot_be_journaled_is_a_failure_not_a_silence(bus: Bus) -> None:
    service = Service(bus, "experimentalist", {RungCheck: keep})  # in a run that has no journal
    await service.start()
    with pytest.raises(AnswerFailed, match="NoStreamResponseError"):
        await bus.ask(question(), RungVerdict, timeout=5)
    await service.stop()


async def test_another_type_than_expected_is_an_error(bus: Bus) -> None:
    await Journal(bus, "r1").create()
    service = Service(bus, "experimentalist", {RungCheck: keep})
    await service.start()
    with pytest.raises(WrongAnswer):
        await bus.ask(question(), Tell, timeout=5)
    await service.stop()


async def test_what_does_not_parse_goes_to_the_dead_letters_and_stops_nothing(bus: Bus) -> None:
    await Journal(bus, "r1").create()
    service = Service(bus, "experimentalist", {RungCheck: keep})
    await service.start()
    letters = bus.subscribe(subjects.dead("*"))
    waiting = asyncio.create_task(anext(letters))
    await asyncio.sleep(0.1)
    await bus.client.publish(subjects.ask("experimentalist"), b'{"type": "nonsense"}')
    letter = await asyncio.wait_for(waiting, 5)
    assert "nonsense" in letter.data.payload
    assert letter.data.reason
    assert isinstance((await bus.ask(question(), RungVerdict, timeout=5)).data, RungVerdict)
    await letters.aclose()
    await service.stop()


async def test_services_are_seen_by_the_services_api(bus: Bus) -> None:
    service = Service(bus, "critic", {RungCheck: keep}, about="says what is real")
    await service.start()
    reply = await bus.client.request("$SRV.INFO.critic", b"", timeout=2)
    assert b"says what is real" in reply.data
    await service.stop()
