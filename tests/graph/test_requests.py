"""What roles are asked: self-contained, and with what the scorer found out about the test's origin."""

from __future__ import annotations

from langgraph.runtime import Runtime

from graph.clock import Clock
from graph.context import CrewContext
from graph.nodes.advice import _request as ask_for_advice
from graph.nodes.curator import curator
from graph.nodes.engineer import _request as ask_the_engineer
from graph.nodes.reviewer import reviewer
from graph.state import CrewState
from protocol.brief import Task
from protocol.bus import Bus
from protocol.data import CurateRequest
from protocol.envelope import Envelope, wrap
from protocol.message import Message, message_id
from protocol.research import Review, ReviewRequest
from protocol.service import Service
from services.cli.ask import question_about
from tests.graph import story

RUN = "r"
ORIGIN = ("ada/sums:train",)


async def test_each_role_is_told_where_the_test_comes_from(bus: Bus) -> None:
    told: dict[str, Task] = {}

    async def answer(question: Envelope) -> Message:
        assert isinstance(question.data, ReviewRequest | CurateRequest)
        told[question.data.type] = question.data.task
        return Review(summary="", techniques=()) if isinstance(question.data, ReviewRequest) else story.plan()

    context = CrewContext(bus, RUN, Clock(100.0))
    await context.journal.create()
    task = story.TASK.model_copy(update={"metric": "lm_eval:sums", "eval": None})
    brief = story.brief().model_copy(update={"task": task})
    ready = story.eval_ready().model_copy(update={"test_origin": ORIGIN})
    for message in (brief, ready):
        await context.journal.append(wrap(message, run=RUN, sender="user", id=message_id(RUN, message.type)))
    services = [Service(bus, "reviewer", {ReviewRequest: answer}), Service(bus, "curator", {CurateRequest: answer})]
    async with context:
        for service in services:
            await service.start()
        await reviewer(CrewState(), Runtime(context=context))
        await curator(CrewState(), Runtime(context=context))
        told["propose_request"] = ask_the_engineer(context, 100.0).task
        told["advice_request"] = ask_for_advice(context, "critic", 1).task
        told["question"] = (await question_about(context.journal, "critic", "why?")).task
        for service in services:
            await service.stop()
    assert len(told) == 5
    assert {kind: task.benchmark.origin for kind, task in told.items()} == dict.fromkeys(told, ORIGIN)
