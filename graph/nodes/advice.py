"""advice: a role with a place of its own is asked there. It has no power to hold the run up or to end it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from typing import Any, Literal

from langgraph.runtime import Runtime
from langgraph.types import Command

from graph.context import CrewContext
from graph.state import CrewState
from protocol.advice import Advice, AdviceRequest, NotHeard
from protocol.errors import AnswerFailed, NoAnswer, WrongAnswer
from protocol.tasks import stop

PATIENCE_SECONDS = 15.0
"""Without a sign of a role that is served here, which is being started, or started again."""
ELSEWHERE_SECONDS = 5.0
"""The same, for one that is served elsewhere: nobody here starts it."""
UNHEARD_SECONDS = 3.0
"""The same, for one that did not answer the last time."""
SHARE = 0.1
"""One answer may take this share of the run's time …"""
SHORTEST_SECONDS = 20.0
"""… but no less than so many seconds, where there are so many."""
LOOK_SECONDS = 1.0
"""Longest wait for an event before it is looked again whether the run was cancelled."""


def advice(role: str, place: str, onward: Sequence[str] = ()) -> Any:
    """The node of a role. With `onward` it is the last before a step chosen among those, else an edge follows."""

    async def speak(state: CrewState, runtime: Runtime[CrewContext]) -> Any:
        context = runtime.context
        number = state.get("advised", 0) + 1
        if context.brief.crew.placed().get(role) == place:  # Studio draws one graph for all runs
            await hear(context, role, place, number)
        update = {"advised": number, "messages": context.dialogue()}
        return Command(goto=state.get("onward", ""), update=update) if onward else update

    told = Command[Literal[tuple(onward)]] if onward else CrewState  # type: ignore[misc]
    return named(speak, role, told)


def detour(node: Any, to: str) -> Any:
    """A node that chooses where to go next, with a role to be heard before that."""

    async def first(state: CrewState, runtime: Runtime[CrewContext]) -> Any:
        chosen: Command[str] = await node(state, runtime)
        return Command(goto=to, update={**dict(chosen.update or {}), "onward": chosen.goto})

    return named(first, node.__name__, Command[Literal[to]])  # type: ignore[valid-type]


def named(node: Any, name: str, told: Any) -> Any:
    """LangGraph reads a node's name, and the edges that leave it, off the function."""
    node.__name__ = name
    node.__annotations__ = {"state": CrewState, "runtime": Runtime[CrewContext], "return": told}
    return node


async def hear(context: CrewContext, role: str, place: str, number: int) -> None:
    """Ask, for as long as a role may think, and go on without an answer where there is none. When the time is over, or
    the run is cancelled, nobody is asked, and nobody waited for."""
    if context.ledger.cancelled or context.clock.over(context.ledger):
        return
    patience = ELSEWHERE_SECONDS if context.brief.crew.elsewhere(role) else PATIENCE_SECONDS
    if role in context.ledger.unheard:
        patience = UNHEARD_SECONDS
    longest = min(max(SHORTEST_SECONDS, SHARE * context.clock.budget), context.clock.left(context.ledger))
    key = (place, number)
    question = context.consult(role, _request(context, place, number), Advice, *key, timeout=patience)
    try:
        async with asyncio.timeout(longest):
            await _unless_cancelled(context, question)
        return
    except TimeoutError:
        reason = f"it has thought for {longest:.0f} s"
    except (NoAnswer, AnswerFailed, WrongAnswer) as error:
        reason = str(error)
    await context.say(NotHeard(role=role, reason=reason), role, *key)


async def _unless_cancelled(context: CrewContext, question: Awaitable[Advice]) -> None:
    """Wait for the answer, which is then in the journal, or until the run is cancelled."""
    asking, cancelled = asyncio.ensure_future(question), asyncio.create_task(_cancelled(context))
    try:
        await asyncio.wait({asking, cancelled}, return_when=asyncio.FIRST_COMPLETED)
        if asking.done():
            asking.result()
        else:
            cancelled.result()
    finally:
        await stop([asking, cancelled])


async def _cancelled(context: CrewContext) -> None:
    while not context.ledger.cancelled:
        await context.changed(LOOK_SECONDS)


def _request(context: CrewContext, place: str, number: int) -> AdviceRequest:
    ledger, told = context.ledger, context.brief
    return AdviceRequest(
        place=place,
        number=number,
        task=ledger.task,
        folder=told.folder,
        task_folder=told.task_folder,
        digest=ledger.digest(context.clock.left_for_training(ledger)),
        directive=ledger.directive,
        critique=ledger.last_critique,
        verdict=ledger.verdicts[-1] if ledger.verdicts else None,
        seconds_left=context.clock.left(ledger),
        tells=tuple(ledger.tells[-10:]),
    )
