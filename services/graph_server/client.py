"""Hands a run to the graph server on a bus. Called by `postdocs run --detach` and `postdocs runs --bus`."""

from __future__ import annotations

from pathlib import Path

from protocol.brief import Choices, Task
from protocol.bus import Bus
from protocol.envelope import NO_RUN, wrap
from protocol.errors import BadInput, NoAnswer, PostdocsError, without_userinfo
from protocol.message import Message
from protocol.runs import ListRuns, RunAccepted, RunList, RunRow, StartRun
from services import base_model
from services.bus_server import Connection
from services.casting import left_behind
from services.graph_server import given
from services.graph_server.server import NAME
from services.new_run import new_id
from services.task_file import load_task

PATIENCE = 15.0
"""Seconds without a sign of a graph server; one that is being started again needs a few."""


class NoGraphServer(PostdocsError):
    """Nobody on the bus takes runs."""

    def __init__(self, url: str) -> None:
        where = without_userinfo(url)
        super().__init__(f"no graph server is on the bus at {where}: start one with python -m services.graph_server")


async def hand_over(
    connection: Connection, path: Path, choices: Choices, *, data: Path | None = None, budget: float | None = None
) -> str:
    """Hand over the task file at `path`; the id of the run, which has its process by then.

    Raises `BadInput` for what is wrong with the task, `NoGraphServer`, `AnswerFailed`.
    """
    task, files = await packed(path, data, budget)
    bus = await connection.connect("postdocs run")
    try:
        await _ask(bus, connection, ListRuns(), RunList, NO_RUN)  # before files are sent for nothing
        files_there = await given.put(bus, files)
        start = StartRun(task=task, text=path.read_text(), files=files_there, choices=choices)
        run = new_id(task.name)
        await _ask(bus, connection, start, RunAccepted, run)
    finally:
        await bus.close()
    return run


async def packed(path: Path, data: Path | None, budget: float | None) -> tuple[Task, dict[str, Path]]:
    """The task at `path` as it is handed over, and its files by name. Raises `BadInput`."""
    folder = path.resolve().parent
    told = load_task(path, data, roles="there").within(budget)
    for name, file in left_behind(told.crew, folder).items():
        raise BadInput(
            f"{file} is not handed over: install the role where the graph server is and take the file away; or serve "
            f"it on the bus (postdocs role) and say so: crew: {{add: {{{name}: {{after: …, elsewhere: true}}}}}}; or "
            f"leave it out: crew: {{without: [{name}]}}"
        )
    await base_model.find(told.base_model, folder)  # made here where it is a recipe
    return given.gather(told, folder, data)


async def list_runs(connection: Connection) -> tuple[RunRow, ...]:
    """The runs that the graph server keeps. Raises `NoGraphServer`."""
    bus = await connection.connect("postdocs runs")
    try:
        answer = await _ask(bus, connection, ListRuns(), RunList, NO_RUN)
    finally:
        await bus.close()
    assert isinstance(answer, RunList)
    return answer.runs


async def _ask(bus: Bus, connection: Connection, question: Message, expect: type[Message], run: str) -> Message:
    try:
        answer = await bus.ask(wrap(question, run=run, sender="user", recipient=NAME), expect, timeout=PATIENCE)
    except NoAnswer as error:
        raise NoGraphServer(connection.url) from error
    return answer.data
