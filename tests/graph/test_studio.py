"""Studio's graph without LangGraph's server: how it is drawn, how it begins, what it shows and tells."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import AIMessage, ToolMessage
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command

from graph.approvals import read
from graph.chat import chat
from graph.clock import Clock
from graph.live import Hearing, Live
from graph.panel import panel
from graph.studio import CREW_VARIABLE, StepFailed, StepRefused, Studio, build, in_words
from graph.time_travel import seconds
from protocol.bus import Bus
from protocol.control import Tell
from protocol.crew import Crew, Member
from protocol.envelope import wrap
from protocol.errors import BadInput, NoAnswer
from protocol.thought import ToolCalled
from services.bus_server import Connection
from services.studio.desk import Desk
from tests.graph import story
from tests.runs import crew


@asynccontextmanager
async def studio(live: Live) -> AsyncIterator[tuple[Studio, RunnableConfig]]:
    """The graph with a checkpointer in memory, and a thread of it."""
    async with live:
        graph = build(live)
        graph.checkpointer = InMemorySaver()
        yield graph, RunnableConfig(configurable={"thread_id": "t"})


@pytest.fixture
async def desk(server: Connection, bus: Bus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Path]:
    """A real desk on a real bus, which Studio's graph finds; gives the folder of its runs."""
    monkeypatch.setenv("POSTDOCS_BUS_URL", server.url)
    monkeypatch.setenv("POSTDOCS_BUS_TOKEN", server.token or "")
    async with Desk(bus, server, tmp_path / "runs"):
        yield tmp_path / "runs"


def last(answer: dict[str, Any]) -> AIMessage:
    line: AIMessage = answer["messages"][-1]
    return line


# -- how it is drawn


def test_it_draws_how_a_run_begins_and_the_whole_crew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(CREW_VARIABLE, raising=False)
    drawn = build(Live()).get_graph()
    edges = {(edge.source, edge.target, bool(edge.conditional)) for edge in drawn.edges}
    assert {("__start__", "intake", False), ("intake", "approve", True), ("approve", "brief", True)} <= edges
    assert {("engineer", "experimentalist", False), ("experimentalist", "critic", True)} <= edges
    assert ("critic", "experimentalist", True) in edges and ("report", "__end__", False) in edges


def test_a_role_that_is_installed_beside_the_desk_has_a_node_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    told = Crew(members=(Member(role="statistician", after="critic"),))
    monkeypatch.setenv(CREW_VARIABLE, told.model_dump_json())
    drawn = build(Live()).get_graph()
    assert "statistician" in drawn.nodes
    assert "statistician" in {edge.target for edge in drawn.edges if edge.source == "critic"}


# -- how it begins


async def test_an_empty_input_is_answered_with_what_would_be_one() -> None:
    async with studio(Live()) as (graph, config):
        answer = await graph.ainvoke({}, config)
    assert last(answer).name == "desk"
    assert "Say what the crew is to do" in str(last(answer).content)


async def test_a_sentence_is_drafted_shown_and_not_started_on_a_no(desk: Path, tmp_path: Path) -> None:
    rows = crew.last_digit_task(tmp_path / "digits", rows=100).parent / "train.csv"
    async with studio(Live()) as (graph, config):
        words = {"role": "user", "content": f"Improve {crew.TINY} on {rows} in 2 minutes"}
        answer = await graph.ainvoke({"messages": [words]}, config)
        [asked] = answer["__interrupt__"]
        assert "time: 2m" in asked.value["shown"]
        assert (await graph.aget_state(config)).next == ("approve",)
        again = await graph.ainvoke(None, config)
        assert [one.value for one in again["__interrupt__"]] == [asked.value], "asked once, however often it is run"
        refused = await graph.ainvoke(Command(resume="no"), config)
    assert last(refused).content == "Not started."
    assert [path for path in desk.iterdir() if path.name[0] != "."] == []


@pytest.mark.parametrize(
    ("instead", "why"),
    [
        (lambda draft: draft.replace("goal:", "gaol:"), "gaol"),
        (lambda draft: "Please,\nuse LoRA instead", "'Please, use LoRA instead' names no task that is known"),
    ],
    ids=["a task with a fault in it", "a wish of two lines"],
)
async def test_what_cannot_be_instead_of_a_draft_is_told_and_the_draft_stands(
    instead: Callable[[str], str], why: str, desk: Path, tmp_path: Path
) -> None:
    task = crew.last_digit_task(tmp_path / "task", rows=100)
    async with studio(Live()) as (graph, config):
        answer = await graph.ainvoke({"task": str(task)}, config)
        for _ in range(2):
            draft = answer["__interrupt__"][0].value
            again = await graph.ainvoke(Command(resume=instead(draft["shown"])), config)
            assert why in str(last(again).content)
            assert again["__interrupt__"][0].value == draft | {"about": again["__interrupt__"][0].value["about"]}
            assert draft["shown"] == task.read_text()
            answer = again
        refused = await graph.ainvoke(Command(resume={"yes": "no"}), config)
    assert last(refused).content == "Not started."
    assert [path for path in desk.iterdir() if path.name[0] != "."] == []


async def test_another_goal_instead_of_a_draft_is_drafted(desk: Path, tmp_path: Path) -> None:
    task = crew.last_digit_task(tmp_path / "task", rows=100)
    async with studio(Live()) as (graph, config):
        answer = await graph.ainvoke({"task": "Teach the tiny model dates in 60 seconds"}, config)
        first = answer["__interrupt__"][0].value
        again = await graph.ainvoke(Command(resume=str(task)), config)
    second = again["__interrupt__"][0].value
    assert second["shown"] == task.read_text() and second["run"] != first["run"]


@pytest.mark.parametrize(
    ("given", "told", "code"),
    [
        ({"task": "make me happy"}, "'make me happy' names no task that is known", 2),
        ({"run": "nobody"}, "no run 'nobody' in", 2),
        ({"run": "NO/../BODY"}, "'NO/../BODY' cannot name a run", 2),
        ({"run": "mine", "start": {"text": "x"}}, "start.task: Field required", 2),
    ],
    ids=str,
)
async def test_what_cannot_be_ends_with_a_sentence(desk: Path, given: dict[str, Any], told: str, code: int) -> None:
    async with studio(Live()) as (graph, config):
        answer = await graph.ainvoke(given, config)
    assert told in str(last(answer).content)
    assert last(answer).additional_kwargs["exit_code"] == code


@pytest.mark.parametrize(
    ("answer", "yes", "words"),
    [
        (True, True, ""),
        (False, False, ""),
        (None, False, ""),
        ("Yes!", True, ""),
        ("no", False, ""),
        ("use LoRA instead", False, "use LoRA instead"),
        ("name: a\ngoal: b", True, "name: a\ngoal: b"),
        ("be quick\nand use LoRA", False, "be quick\nand use LoRA"),
        ({"yes": True}, True, ""),
        ({"yes": "yes"}, True, ""),
        ({"yes": "no"}, False, ""),
        ({"yes": "false", "words": "use LoRA"}, False, "use LoRA"),
        ({"yes": ""}, False, ""),
        ([{"type": "accept"}], True, ""),
        ([{"type": "edit", "args": {"args": "name: a\n"}}], True, "name: a\n"),
        ([{"type": "ignore"}], False, ""),
    ],
)
def test_an_answer_is_read_however_it_is_put(answer: Any, yes: bool, words: str) -> None:
    given = read(answer, "start")
    assert (given.yes, given.words) == (yes, words)


# -- what it shows and tells


def test_a_tool_call_is_one_in_the_chat_with_its_result_and_a_broken_one_says_so() -> None:
    call = ToolCalled(role="critic", tool="recall", arguments='{"query": "lora"}', result="two", failed=True, seconds=1)
    asked, told = chat(wrap(call, run="r", sender="critic", id="x"))
    assert isinstance(asked, AIMessage) and asked.name == "critic"
    assert asked.tool_calls[0]["name"] == "recall" and asked.tool_calls[0]["args"] == {"query": "lora"}
    assert isinstance(told, ToolMessage) and told.tool_call_id == "x" and told.status == "error"


def test_the_panel_has_the_best_first_and_says_who_ships() -> None:
    first = [*story.trained("e1"), story.scored("e1", 0.4), story.verdict("e1", admitted=True), story.shipped("e1")]
    second = [*story.trained("e2"), story.scored("e2", 0.6), story.verdict("e2", admitted=False)]
    third = [*story.running("e3"), story.metric("e3", 7, 1.25)]
    experiments = story.proposed(*(story.experiment(id) for id in ("e1", "e2", "e3")))
    shown = panel(story.ledger(story.brief(), *experiments, *first, *second, *third), Clock(100.0, now=lambda: 0.0))
    assert [(row["experiment"], row["ships"]) for row in shown["leaderboard"]] == [("e2", False), ("e1", True)]
    assert shown["ships"] == "e1" and shown["leaderboard"][0]["verdict"] == "reject"
    assert shown["running"] == ["e3: step 7 of 100, loss 1.250"]
    assert shown["budget"]["seconds"] == 100.0 and shown["ended"] is None


def said(text: str) -> Any:
    return wrap(Tell(text=text), run="r", sender="user")


def test_sub_steps_are_told_as_they_come_and_only_while_a_node_works() -> None:
    told: list[dict[str, Any]] = []
    hearing = Hearing()
    hearing(1, said("before"), story.ledger())
    with hearing.told(told.append):
        assert told == []
        hearing(2, said("meanwhile"), story.ledger())
    hearing(3, said("after"), story.ledger())
    assert [one["headline"] for one in told] == ["meanwhile"]
    assert [line.content for line in hearing.since(1)] == ["meanwhile", "after"]


def test_who_asks_for_all_gets_each_envelope_once_in_order_whatever_it_is() -> None:
    told: list[dict[str, Any]] = []
    hearing = Hearing(whole_after=1)
    for sequence in (1, 2, 3):
        hearing(sequence, said(f"{sequence}"), story.ledger())
    with hearing.told(told.append):
        hearing(4, said("4"), story.ledger())
    with hearing.told(told.append):
        hearing(5, said("5"), story.ledger())
    assert [one["sequence"] for one in told] == [2, 3, 4, 5]
    assert [one["envelope"]["data"]["text"] for one in told] == ["2", "3", "4", "5"]


def test_errors_of_ours_become_such_that_the_server_shows() -> None:
    with pytest.raises(StepRefused, match="write a number"), in_words():
        seconds({"budget": {"seconds": "much"}})
    with pytest.raises(StepFailed) as failed, in_words():
        raise NoAnswer("desk", "open run", 30, "gone")
    assert not isinstance(failed.value, StepRefused)


@pytest.mark.parametrize(("told", "value"), [({}, None), ({"budget": {"seconds": "90"}}, 90.0)])
def test_an_edited_budget_is_read(told: dict[str, Any], value: float | None) -> None:
    assert seconds(told) == value
    with pytest.raises(BadInput, match="more than no time"):
        seconds({"budget": {"seconds": 0}})
    for endless in ("nan", float("inf"), "-inf"):
        with pytest.raises(BadInput, match="write a number of seconds"):
            seconds({"budget": {"seconds": endless}})
