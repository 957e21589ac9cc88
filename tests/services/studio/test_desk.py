"""The desk on a real bus: what takes it long holds nobody else up."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from protocol.brief import Brief
from protocol.bus import Bus
from protocol.envelope import NO_RUN, Envelope, wrap
from protocol.errors import AnswerFailed
from protocol.journal import Journal
from protocol.message import Message
from protocol.studio import DESK, DraftTask, ForkRun, OpenRun, RunForked, TaskDrafted
from services.bus_server import Connection
from services.run_folder import RunFolder
from services.studio.desk import Desk
from tests.graph import story
from tests.runs import crew

PARENT, FORK = "parent", "parent-fork-1"


@pytest.fixture
async def desk(server: Connection, bus: Bus, tmp_path: Path) -> AsyncIterator[Desk]:
    async with Desk(bus, server, tmp_path) as made:
        yield made


def asked(message: Message) -> Envelope:
    return wrap(message, run=NO_RUN, sender="graph", recipient=DESK, id=os.urandom(12).hex())


async def write_to(pipe: Path) -> None:
    """Let whoever reads it go on. Waits until somebody does."""
    while True:
        with contextlib.suppress(OSError):  # nobody has opened it yet
            descriptor = os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
            break
        await asyncio.sleep(0.02)
    os.write(descriptor, b"weights")
    os.close(descriptor)


async def test_while_a_fork_is_copied_others_are_answered_and_who_asks_again_waits_for_the_same_copy(
    desk: Desk, bus: Bus, tmp_path: Path
) -> None:
    parent, made = RunFolder(tmp_path / PARENT), RunFolder(tmp_path / FORK)
    pipe = parent.data / "weights"  # who copies it waits until somebody writes
    parent.data.mkdir(parents=True)
    os.mkfifo(pipe)
    journal = Journal(bus, PARENT)
    await journal.create()
    await journal.append(wrap(story.brief(), run=PARENT, sender="user"))

    request = ForkRun(parent=PARENT, run=FORK, sequence=10)
    forks = [asyncio.create_task(bus.ask(asked(request), RunForked)) for _ in range(2)]
    async with asyncio.timeout(10):
        while not made.data.exists():  # noqa: ASYNC110 (a folder sets no event)
            await asyncio.sleep(0.02)
    with pytest.raises(AnswerFailed, match="names no task"):
        await bus.ask(asked(DraftTask(words="make me happy")), TaskDrafted, timeout=5)
    assert not any(fork.done() for fork in forks)

    async with asyncio.timeout(10):
        await write_to(pipe)
        answers = await asyncio.gather(*forks)
    assert {answer.data for answer in answers} == {RunForked(run=FORK)}
    assert (made.data / "weights").read_bytes() == b"weights"


async def test_a_fork_that_was_broken_off_is_copied_anew(desk: Desk, bus: Bus, tmp_path: Path) -> None:
    parent, made = RunFolder(tmp_path / PARENT), RunFolder(tmp_path / FORK)
    for folder in (parent, made):
        folder.data.mkdir(parents=True)
        (folder.data / "rows.jsonl").write_text(folder.id)
        (folder.data / "link").symlink_to("rows.jsonl")
    (made.data / "half").write_text("")
    journal = Journal(bus, PARENT)
    await journal.create()
    await journal.append(wrap(story.brief(), run=PARENT, sender="user"))
    await bus.ask(asked(ForkRun(parent=PARENT, run=FORK, sequence=10)), RunForked)
    assert (made.data / "link").read_text() == PARENT
    assert sorted(path.name for path in made.data.iterdir()) == ["link", "rows.jsonl"]


async def test_a_task_that_is_pasted_has_no_roles_of_the_folder_that_the_desk_stands_in(
    desk: Desk, bus: Bus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = crew.last_digit_task(tmp_path / "task", rows=80)
    (tmp_path / "task" / "roles").mkdir()
    (tmp_path / "task" / "roles" / "skeptic.py").write_text(
        "from agents.role import Role\n\nROLE = Role(name='skeptic', about='doubts', playbook={})\n"
    )
    monkeypatch.chdir(tmp_path / "task")
    members = {}
    for words in (str(task), task.read_text()):
        drafted = (await bus.ask(asked(DraftTask(words=words)), TaskDrafted, timeout=20)).data
        assert isinstance(drafted, TaskDrafted)
        made = RunFolder(tmp_path / f"run-{len(members)}")
        await desk._make(made, OpenRun(run=made.id, text=drafted.text, folder=drafted.folder))
        brief = Brief.model_validate_json(made.brief.read_text())
        assert brief.task_folder == str(tmp_path / "task")
        members[words] = [one.role for one in brief.crew.members]
    assert list(members.values()) == [["skeptic"], []]
