"""A role with a place of its own, asked by the graph over a real bus: once a turn, and with no power over the run."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
from langgraph.graph import END, START, StateGraph
from langgraph.runtime import Runtime
from langgraph.types import Command

from graph.clock import Clock
from graph.context import CrewContext
from graph.nodes import advice
from graph.nodes.advice import detour, hear
from graph.state import CrewState
from protocol.advice import Advice, AdviceRequest, NotHeard
from protocol.bus import Bus, Handler
from protocol.control import CancelRun, RunStarted, Tell
from protocol.crew import Crew, Member
from protocol.envelope import Envelope, wrap
from protocol.errors import BadInput
from protocol.message import Message, message_id
from protocol.service import Service
from tests.graph import story

RUN = "r"
CREW = Crew(
    members=(Member(role="skeptic", after="critic"), Member(role="nobody_there", after="critic", source="elsewhere"))
)


@pytest.fixture
async def context(bus: Bus) -> AsyncIterator[CrewContext]:
    made = CrewContext(bus, RUN, Clock(100.0))
    await made.journal.create()
    brief = story.brief().model_copy(update={"crew": CREW})
    await made.journal.append(wrap(brief, run=RUN, sender="user", id=message_id(RUN, "brief")))
    async with made:
        yield made


@pytest.fixture
async def stage(bus: Bus) -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as made:
        yield made


async def serve(stage: AsyncExitStack, bus: Bus, answer: Handler) -> None:
    service = Service(bus, "skeptic", {AdviceRequest: answer})
    await service.start()
    stage.push_async_callback(service.stop)


async def doubts(question: Envelope) -> Message:
    assert isinstance(question.data, AdviceRequest)
    return Advice(text=f"I doubt it, {question.data.number}.")


def said(context: CrewContext) -> list[str]:
    return [one.text for one in context.ledger.advice]


async def test_a_node_that_runs_again_finds_what_was_said(
    context: CrewContext, bus: Bus, stage: AsyncExitStack
) -> None:
    await serve(stage, bus, doubts)
    for number in (1, 1, 2):
        await hear(context, "skeptic", "critic", number)
    assert said(context) == ["I doubt it, 1.", "I doubt it, 2."]


async def fails(_: Envelope) -> Message:
    raise BadInput("there is nothing to count")


async def digresses(_: Envelope) -> Message:
    return Tell(text="hello")


async def broods(_: Envelope) -> Message:
    await asyncio.sleep(60)
    raise AssertionError("unreachable")


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (fails, "there is nothing to count"),
        (digresses, "answered with Tell, not Advice"),
        (broods, "it has thought for 1 s"),
    ],
)
async def test_one_that_does_not_answer_is_told_of_and_left(
    answer: Handler,
    reason: str,
    context: CrewContext,
    bus: Bus,
    stage: AsyncExitStack,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(advice, "SHORTEST_SECONDS", 1.0)
    monkeypatch.setattr(advice, "SHARE", 0.0)
    await serve(stage, bus, answer)
    for _ in range(2):  # the second time as after a crash
        await hear(context, "skeptic", "critic", 1)
    missed = [one.data async for _, one in context.journal.replay() if isinstance(one.data, NotHeard)]
    assert [one.role for one in missed] == ["skeptic"] and reason in missed[0].reason
    assert context.ledger.unheard == {"skeptic"}


async def test_one_that_is_elsewhere_and_nowhere_is_not_waited_for_long(
    context: CrewContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(advice, "ELSEWHERE_SECONDS", 0.3)
    await hear(context, "nobody_there", "critic", 1)
    assert context.ledger.unheard == {"nobody_there"}


async def questions(context: CrewContext) -> list[str]:
    return [one.recipient async for _, one in context.journal.replay() if isinstance(one.data, AdviceRequest)]


async def began(context: CrewContext, seconds_ago: float) -> None:
    started = RunStarted(session=0, at=time.time() - seconds_ago, pid=1, host="h")
    await context.settle(await _written(context, started))


async def _written(context: CrewContext, message: Message) -> Envelope:
    envelope = wrap(message, run=RUN, sender="user")
    await context.journal.append(envelope)
    return envelope


async def test_when_the_time_is_over_or_the_run_is_cancelled_nobody_is_asked(
    context: CrewContext, bus: Bus, stage: AsyncExitStack
) -> None:
    await serve(stage, bus, doubts)
    await began(context, seconds_ago=99.0)
    await hear(context, "skeptic", "critic", 1)
    context.clock.budget = 1000.0
    await context.settle(await _written(context, CancelRun()))
    await hear(context, "skeptic", "critic", 2)
    assert await questions(context) == [] and context.ledger.unheard == set()


async def test_one_that_thinks_when_the_time_is_over_is_left(
    context: CrewContext, bus: Bus, stage: AsyncExitStack
) -> None:
    await serve(stage, bus, broods)
    await began(context, seconds_ago=94.5)  # less what is kept back for verify and report: a second and a half
    await hear(context, "skeptic", "critic", 1)
    assert await questions(context) == ["skeptic"] and context.ledger.unheard == {"skeptic"}
    assert context.clock.over(context.ledger)


async def test_one_that_thinks_when_the_run_is_cancelled_is_left(
    context: CrewContext, bus: Bus, stage: AsyncExitStack
) -> None:
    await serve(stage, bus, broods)
    asking = asyncio.create_task(hear(context, "skeptic", "critic", 1))
    while not await questions(context):
        await context.changed(1.0)
    await _written(context, CancelRun())
    async with asyncio.timeout(5):
        await asking
    assert context.ledger.unheard == set(), "it did nothing wrong"


async def test_the_graph_goes_on_where_the_step_before_has_chosen(
    context: CrewContext, bus: Bus, stage: AsyncExitStack
) -> None:
    await serve(stage, bus, doubts)

    async def critic(state: CrewState, runtime: Runtime[CrewContext]) -> Command[str]:
        return Command(goto="curator", update={"turn": 7})

    async def curator(state: CrewState, runtime: Runtime[CrewContext]) -> CrewState:
        return {"turn": state["turn"] + 1}

    graph = StateGraph(CrewState, context_schema=CrewContext)
    graph.add_node("critic", detour(critic, "skeptic"))
    graph.add_node("skeptic", advice.advice("skeptic", "critic", ("curator", "experimentalist")))
    graph.add_node("curator", curator)
    graph.add_node("experimentalist", curator)
    graph.add_edge(START, "critic")
    graph.add_edge("curator", END)
    state = await graph.compile().ainvoke(CrewState(run=RUN), context=context)
    assert (state["turn"], state["advised"], said(context)) == (8, 1, ["I doubt it, 1."])
    assert [(line.name, line.content) for line in state["messages"]] == [("skeptic", "I doubt it, 1.")]


async def test_a_node_of_a_role_that_is_not_in_this_run_asks_nobody(context: CrewContext) -> None:
    node = advice.advice("stranger", "critic")
    update = await node(CrewState(run=RUN, advised=3), Runtime(context=context))
    assert update == {"advised": 4, "messages": []}
    assert await context.journal.last_sequence() == 1
