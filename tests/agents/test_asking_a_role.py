"""Whom a role reaches when it asks another, by the crew of its run."""

from __future__ import annotations

import time

import pytest

from agents import crew as crew_of_agents
from agents.crew import serve
from agents.role import Ask, Role
from protocol.advice import Advice, AdviceRequest
from protocol.brief import Brief
from protocol.bus import Bus
from protocol.crew import Crew, Member
from protocol.envelope import Envelope, wrap
from protocol.errors import AnswerFailed
from protocol.journal import Journal
from protocol.message import Message, message_id
from protocol.thought import Question, Reply
from services.minds import RunMinds
from services.rehearsal import TASK, advice_request

RUN = "r1"


def curious(about: str) -> Role:
    """A role that asks another in plain words, and says what it was told."""

    async def advise(request: AdviceRequest, ask: Ask) -> Advice:
        question = Question(
            text="why?", task=request.task, folder=".", task_folder=".", digest=request.digest, said=("it is worse",)
        )
        answer = await ask(about, question)
        assert isinstance(answer, Reply)
        return Advice(text=answer.text)

    return Role(name="curious", about="asks", playbook={AdviceRequest: advise})


async def asked(bus: Bus, crew: Crew, about: str, *others: Role) -> tuple[Message, list[Envelope]]:
    """The answer of a role that asks `about`, and all that was said."""
    journal = Journal(bus, RUN)
    await journal.create()
    brief = Brief(task=TASK, folder=".", task_folder=".", crew=crew)
    await journal.append(wrap(brief, run=RUN, sender="user", id=message_id(RUN, "brief")))
    services = [serve(bus, role, RunMinds(bus).of, RUN) for role in (curious(about), *others)]
    for service in services:
        await service.start()
    try:
        question = wrap(advice_request(), run=RUN, sender="graph", recipient="curious")
        answer = (await bus.ask(question, Message, timeout=30)).data
    finally:
        for service in services:
            await service.stop()
    return answer, [envelope async for _, envelope in journal.replay()]


async def test_in_the_place_of_a_built_in_role_the_one_is_asked_that_replaces_it(bus: Bus) -> None:
    strict = Role(name="strict", about="a Critic", playbook={})
    crew = Crew(replaced={"critic": "strict"}, members=(Member(role="strict"),))
    answer, said = await asked(bus, crew, "critic", strict)
    assert isinstance(answer, Advice) and "it is worse" in answer.text
    assert [one.recipient for one in said if isinstance(one.data, Question)] == ["strict"]


async def test_one_that_was_left_out_is_not_waited_for(bus: Bus) -> None:
    begun = time.monotonic()
    with pytest.raises(AnswerFailed, match="nobody to ask: this run's crew is without reviewer"):
        await asked(bus, Crew(without=("reviewer",)), "reviewer")
    assert time.monotonic() - begun < crew_of_agents.ROLE_SECONDS


async def test_one_that_is_nowhere_is_given_up_after_a_short_silence(bus: Bus, monkeypatch: pytest.MonkeyPatch) -> None:
    assert crew_of_agents.ROLE_SECONDS < crew_of_agents.SERVICE_SECONDS
    monkeypatch.setattr(crew_of_agents, "ROLE_SECONDS", 0.5)
    with pytest.raises(AnswerFailed, match=r"nobody_there did not answer .*no instance of it is on the bus"):
        await asked(bus, Crew(), "nobody_there")
