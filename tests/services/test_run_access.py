"""Ways to a run's journal: over the bus that serves it now, or over one for the moment, never two over one store."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from protocol.control import Tell
from protocol.envelope import wrap
from protocol.errors import BadInput, RunUnknown
from protocol.journal import Journal
from services import run_access
from services.bus_server import Connection, running_server
from services.run_access import (
    StoreTaken,
    all_runs,
    find_run,
    is_running,
    only_launcher,
    open_journal,
    own_server,
    read_journal,
)
from services.run_folder import RunFolder


@pytest.fixture
async def folder(tmp_path: Path) -> RunFolder:
    """A stopped run with one message in its journal."""
    folder = RunFolder(tmp_path / "r1")
    folder.root.mkdir()
    async with own_server(folder) as connection:
        await say(connection, folder.id, "hello")
    return folder


async def say(connection: Connection, run: str, text: str) -> None:
    bus = await connection.connect("test")
    journal = Journal(bus, run)
    await journal.create()
    await journal.append(wrap(Tell(text=text), run=run, sender="user"))
    await bus.close()


async def test_a_stopped_run_is_read_over_a_server_for_the_moment(folder: RunFolder) -> None:
    assert [sequence for sequence, _ in await read_journal(folder)] == [1]
    assert running_server(folder.bus) is None


async def test_a_running_run_is_read_over_its_own_server(folder: RunFolder) -> None:
    async with own_server(folder) as connection:
        assert is_running(folder)
        await say(connection, folder.id, "again")
        assert len(await read_journal(folder)) == 2
        assert is_running(folder)


async def test_a_process_that_took_the_number_of_a_dead_server_is_not_that_server(folder: RunFolder) -> None:
    dead = Connection(url="nats://127.0.0.1:1", token="t", pid=os.getpid())
    (folder.bus / "server.json").write_text(dead.model_dump_json())
    assert running_server(folder.bus) is None
    assert len(await read_journal(folder)) == 1


async def test_many_readers_at_once_take_turns(folder: RunFolder) -> None:
    said = await asyncio.gather(*(read_journal(folder) for _ in range(4)))
    assert [len(one) for one in said] == [1, 1, 1, 1]


async def test_no_second_server_over_one_store(folder: RunFolder) -> None:
    async with own_server(folder):
        with pytest.raises(StoreTaken):
            async with own_server(folder, patience=0.1):
                pass


async def test_a_run_is_launched_once_at_a_time(folder: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_access, "LAUNCHER_SECONDS", 0.1)
    async with only_launcher(folder):
        with pytest.raises(BadInput, match="r1 is running: see it with `postdocs watch r1`"):
            async with only_launcher(folder):
                pass
    async with only_launcher(folder):
        pass


async def test_a_reader_waits_for_a_run_that_is_just_starting(folder: RunFolder) -> None:
    async with own_server(folder, announce=False) as connection:
        reading = asyncio.create_task(read_journal(folder))
        await asyncio.sleep(0.3)
        (folder.bus / "server.json").write_text(connection.model_dump_json())
        assert len(await reading) == 1


async def test_a_run_on_an_external_bus_is_found_there(tmp_path: Path, server: Connection) -> None:
    folder = RunFolder(tmp_path / "away")
    folder.root.mkdir()
    folder.bus_url.write_text(server.model_dump_json())
    await say(server, "away", "from afar")
    assert len(await read_journal(folder)) == 1


async def test_the_token_of_an_external_bus_comes_from_the_environment(
    tmp_path: Path, server: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = RunFolder(tmp_path / "away")
    folder.root.mkdir()
    folder.bus_url.write_text(Connection(url=server.url).model_dump_json())
    monkeypatch.setenv("POSTDOCS_BUS_TOKEN", server.token or "")
    with pytest.raises(RunUnknown):
        async with open_journal(folder):
            pass


async def test_a_folder_without_a_journal_is_an_unknown_run(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(RunUnknown):
        await read_journal(RunFolder(tmp_path / "empty"))


def test_names_that_begin_several_runs_are_refused(tmp_path: Path) -> None:
    for name in ("dates-1", "dates-2", "sums-1"):
        (tmp_path / name / "bus").mkdir(parents=True)
    (tmp_path / "notes").mkdir()
    assert {run.id for run in all_runs(tmp_path)} == {"dates-1", "dates-2", "sums-1"}
    assert find_run(tmp_path, "sums").id == "sums-1"
    with pytest.raises(BadInput, match="dates-1, dates-2"):
        find_run(tmp_path, "dates")
    with pytest.raises(RunUnknown):
        find_run(tmp_path, "")
