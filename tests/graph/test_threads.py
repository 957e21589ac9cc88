"""Several threads and one run: who drives it, who looks on, what is a fork, and who hears what is said."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage
from langgraph.runtime import ExecutionInfo, Runtime

from graph.chat import chat
from graph.live import Live, TakenOver
from graph.nodes import intake as begins
from graph.nodes.intake import follow, intake
from graph.studio_state import StudioState
from graph.time_travel import place
from protocol.bus import Bus
from protocol.control import Tell
from protocol.envelope import Envelope, wrap
from protocol.journal import Journal
from protocol.message import Message, message_id
from protocol.service import Service
from protocol.studio import DESK, DraftTask, ForkRun, OpenRun, RunForked, RunOpened, StepTaken, TaskDrafted
from services.bus_server import Connection
from services.studio.drivers import Drivers
from tests.graph import story

RUN, ONE, TWO = "r", "one", "two"


class Desk:
    """Answers on the bus as the desk does, without the processes of a run. Keeps what it was asked."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self.drivers = Drivers()
        self.live, self.elsewhere = True, False
        self.asked: list[Message] = []

    async def answer(self, question: Envelope) -> Message:
        self.asked.append(question.data)
        match question.data:
            case OpenRun(leaves=True) as request:
                self.drivers.leave(request.run, request.thread)
                return RunOpened(run=request.run)
            case OpenRun() as request:
                driver = self.drivers.take(request.run, request.thread) if self.live and not self.elsewhere else ""
                return RunOpened(run=request.run, live=self.live, elsewhere=self.elsewhere, driver=driver)
            case ForkRun() as request:
                await Journal(self._bus, request.run).create()
                return RunForked(run=request.run)
        return TaskDrafted(run="new", text="name: new", folder="/", how="as it was given")

    def forked(self) -> list[Message]:
        return [one for one in self.asked if isinstance(one, ForkRun)]


@pytest.fixture
async def desk(server: Connection, bus: Bus, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Desk]:
    monkeypatch.setenv("POSTDOCS_BUS_URL", server.url)
    monkeypatch.setenv("POSTDOCS_BUS_TOKEN", server.token or "")
    made = Desk(bus)
    service = Service(bus, DESK, {kind: made.answer for kind in (OpenRun, ForkRun, DraftTask)})
    await service.start()
    yield made
    await service.stop()


@pytest.fixture
async def journal(bus: Bus) -> Journal:
    """Of a run whose first steps were taken by the thread `ONE`."""
    made = Journal(bus, RUN)
    await made.create()
    await made.append(wrap(story.brief(), run=RUN, sender="user"))
    for number, node in enumerate(("brief", "reviewer", "curator")):
        step = StepTaken(number=number, node=node, thread=ONE, checkpoint=f"{ONE}-{number}")
        await made.append(wrap(step, run=RUN, sender="graph", id=message_id(RUN, "step", number)))
    return made


def there(live: Live, thread: str, checkpoint: str = "now") -> Runtime[Any]:
    """Where a node runs."""
    info = ExecutionInfo(checkpoint_id=f"{thread}-{checkpoint}", checkpoint_ns="", task_id="t", thread_id=thread)
    return Runtime(context=live, execution_info=info)


async def opened(live: Live, thread: str, **more: Any) -> tuple[str, dict[str, Any]]:
    """The run is named in a thread: where that goes, and the state then."""
    state: dict[str, Any] = {"run": RUN, **more}
    command = await intake(StudioState(**state), there(live, thread))  # type: ignore[typeddict-item]
    return str(command.goto), state | dict(command.update or {})


async def told(journal: Journal) -> list[str]:
    return [one.data.text async for _, one in journal.replay() if isinstance(one.data, Tell)]


def said(words: str) -> list[HumanMessage]:
    return [HumanMessage(words, id="h1")]


async def test_a_run_that_another_thread_drives_is_looked_at_and_its_crew_is_told_what_is_said(
    desk: Desk, journal: Journal
) -> None:
    desk.drivers.take(RUN, ONE)
    before = await journal.last_sequence()
    async with Live() as live:
        goto, state = await opened(live, TWO, messages=said("prefer LoRA"))
    assert (goto, state["following"]) == ("follow", True)
    assert await told(journal) == ["prefer LoRA"]
    assert await journal.last_sequence() == before + 1, "and no step of it is taken"
    assert desk.forked() == [] and desk.drivers.driver(RUN) == ONE


async def test_a_run_that_stands_still_goes_on_in_another_thread_as_itself(desk: Desk, journal: Journal) -> None:
    async with Live() as live:
        goto, state = await opened(live, TWO)
        assert goto == "brief"
        for node in ("brief", "reviewer"):
            assert await place(live, state, there(live, TWO, node), node) == RUN
            state["cursor"] = state["cursor"] | {"step": state["cursor"]["step"] + 1}
        assert desk.drivers.driver(RUN) == TWO
        async with Live() as other:
            assert (await opened(other, ONE))[0] == "follow"
    assert desk.drivers.driver(RUN) == "", "left at the end"
    async with Live() as live:
        goto, state = await opened(live, ONE)
        assert await place(live, state, there(live, ONE), "brief") == RUN, "and so back in the first"
    assert desk.forked() == []


async def test_to_go_on_from_a_checkpoint_where_the_run_has_gone_on_is_a_fork(desk: Desk, journal: Journal) -> None:
    async with Live() as live:
        _, state = await opened(live, TWO)
        run = await place(live, {"run": RUN, "cursor": {"step": 1}}, there(live, ONE, "1"), "reviewer")
        assert run.startswith(f"{RUN}-fork-") and len(desk.forked()) == 1
        assert await place(live, state, there(live, TWO), "brief") == RUN


async def test_a_thread_that_is_given_no_new_words_tells_the_crew_nothing(desk: Desk, journal: Journal) -> None:
    tell = wrap(Tell(text="hurry"), run=RUN, sender="user")
    async with Live() as live:
        await opened(live, ONE, messages=chat(tell))
        await opened(live, ONE, messages=said("hurry"), heard="h1")
    assert await told(journal) == []


async def test_a_step_of_a_run_that_another_thread_drives_is_not_taken(desk: Desk, journal: Journal) -> None:
    desk.drivers.take(RUN, ONE)
    async with Live() as live:
        with pytest.raises(TakenOver, match="is driven by another thread"):
            await live.context(RUN, TWO)


async def test_who_looks_on_is_told_when_nobody_drives_any_more(
    desk: Desk, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(begins, "HANDOVER_SECONDS", 0.1)
    async with Live() as live:
        command = await follow(StudioState(run=RUN), there(live, TWO))
    assert command.goto == "__end__"
    [line] = [line for line in dict(command.update or {})["messages"] if line.name == "desk"]
    assert line.content.startswith(f"Nobody drives {RUN} any more")


@pytest.mark.parametrize(
    ("elsewhere", "live", "answer"),
    [
        (False, False, f"{RUN} has ended: nobody hears"),
        (True, False, f"or stands still until `postdocs resume {RUN}`"),
        (True, True, f"use `postdocs tell {RUN} …`"),
    ],
)
async def test_words_that_nobody_hears_are_answered_and_are_no_goal_of_another_run(
    desk: Desk, journal: Journal, elsewhere: bool, live: bool, answer: str
) -> None:
    desk.elsewhere, desk.live = elsewhere, live
    async with Live() as connected:
        goto, state = await opened(connected, TWO, messages=said("why not LoRA for dates?"))
    line = state["messages"][-1]
    assert isinstance(line, AIMessage) and line.name == "desk" and answer in str(line.content)
    assert goto == ("follow" if elsewhere else "__end__")
    assert await told(journal) == []
    assert not [one for one in desk.asked if isinstance(one, DraftTask)]


async def test_a_task_in_the_thread_of_a_run_that_has_ended_is_drafted(desk: Desk, journal: Journal) -> None:
    desk.live = False
    async with Live() as live:
        goto, state = await opened(live, ONE, task="Teach the tiny model dates")
    assert (goto, state["run"], state["draft"]) == ("approve", "new", "name: new")
