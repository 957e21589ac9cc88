"""A run's budget holds for all processes together that think for it: each counts what the others have spent, once."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import pytest

from agents import registry
from agents.mind import Turn
from agents.minds.scripted import Call, Conversation, ScriptedServer
from protocol.brief import Brief
from protocol.bus import Bus
from protocol.envelope import wrap
from protocol.journal import Journal
from protocol.message import Message, message_id
from protocol.thought import Fallback, Question, Reply, Thought
from services.minds import RunMinds
from services.rehearsal import TASK, advice_request

RUN = "r1"


def script(talk: Conversation) -> Call:
    return Call("submit", {"text": "so it is"})


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> Iterator[ScriptedServer]:
    with ScriptedServer(script) as server:
        monkeypatch.setenv("VLLM_BASE_URL", server.url)
        yield server


async def opened(bus: Bus, **budget: float) -> Journal:
    """The journal of a run with this budget."""
    journal = Journal(bus, RUN)
    await journal.create()
    task = TASK.model_copy(update={"budget": TASK.budget.model_copy(update=budget)})
    brief = Brief(task=task, folder=".", task_folder=".", models=("default=vllm/scripted",))
    await journal.append(wrap(brief, run=RUN, sender="user", id=message_id(RUN, "brief")))
    return journal


async def talk(minds: RunMinds, journal: Journal, role: str = "critic") -> str:
    """What the role says to a question, by one of the processes."""

    async def say(message: Message) -> None:
        await journal.append(wrap(message, run=RUN, sender=role, id=secrets.token_hex(12)))

    async def nobody(recipient: str, message: Message) -> Message:
        raise AssertionError("nobody is to be asked")

    asked = Question(text="why?", task=TASK, folder=".", task_folder=".", digest=advice_request().digest)
    mind = await minds.of(RUN, registry.load(role))
    reply = await mind.think(asked, Turn(RUN, nobody, say))
    assert isinstance(reply, Reply)
    return reply.text


async def said(journal: Journal, kind: type[Message]) -> list[Message]:
    return [envelope.data async for _, envelope in journal.replay() if isinstance(envelope.data, kind)]


async def test_each_process_counts_what_the_others_spend_and_its_own_once(bus: Bus, model: ScriptedServer) -> None:
    journal = await opened(bus)
    crew, elsewhere = RunMinds(bus), RunMinds(bus)
    for minds in (crew, elsewhere, crew, crew, elsewhere):
        assert await talk(minds, journal) == "so it is"
        limits = minds._accounts[RUN].limits
        assert limits.run.tokens == limits.of("critic").tokens == sum(model.billed)
    assert len(model.billed) == len(await said(journal, Thought)) == 5


async def test_a_budget_is_spent_once_not_once_a_process(bus: Bus, model: ScriptedServer) -> None:
    await talk(RunMinds(bus), await opened(bus))
    answer = model.billed[0]
    journal = Journal(bus, RUN)
    await bus.jetstream.delete_stream(journal.stream)
    journal = await opened(bus, tokens=3 * answer)
    crew, elsewhere = RunMinds(bus), RunMinds(bus)
    told = [await talk(minds, journal) for _ in range(3) for minds in (crew, elsewhere, RunMinds(bus))]
    assert [answer == "so it is" for answer in told] == [True] * 4 + [False] * 5
    assert "the run has used" in str((await said(journal, Fallback))[-1])
    assert len(await said(journal, Thought)) == 4, "the one that passes it is the last"


async def test_what_a_former_process_has_spent_is_counted(bus: Bus, model: ScriptedServer) -> None:
    journal = await opened(bus, tokens=10)
    spent = Thought(
        role="critic",
        model="m",
        asked="a",
        calls=1,
        tool_calls=0,
        prompt_tokens=9,
        completion_tokens=2,
        usd=0,
        seconds=1,
    )
    for number in range(2):
        await journal.append(wrap(spent, run=RUN, sender="critic", id=f"spent-{number}"))
    minds = RunMinds(bus)
    assert "playbook" in await talk(minds, journal)
    assert minds._accounts[RUN].limits.run.tokens == 22 and not model.seen, "alike, and not the same"
