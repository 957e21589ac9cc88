"""The graph server: runs are handed to it over the bus, go on without whoever did, and survive its death."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from protocol.control import RunEnded, RunStarted
from services import children
from services.bus_server import Connection
from services.graph_server.client import list_runs
from services.graph_server.served import Served, read_served, write_served
from services.graph_server.server import GraphServer
from services.run_access import find_anywhere, open_journal, read_journal
from services.run_folder import RunFolder
from services.runs_on_bus import RunOnBus, find_on_bus
from tests.runs import crew


@contextmanager
def graph_server(connection: Connection, runs_dir: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The service as a process; nothing of it is left in the end."""
    environment = os.environ | {"POSTDOCS_BUS_URL": connection.url, "POSTDOCS_BUS_TOKEN": connection.token or ""}
    command = [sys.executable, "-m", "services.graph_server", "--runs-dir", str(runs_dir)]
    process = subprocess.Popen(command, env=environment, cwd=crew.ROOT)
    try:
        yield process
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=20) == 0
    finally:
        family = psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
        process.kill()
        process.wait()
        psutil.wait_procs(family, timeout=5)


@pytest.fixture
def on_the_bus(server: Connection, monkeypatch: pytest.MonkeyPatch) -> Connection:
    monkeypatch.setenv("POSTDOCS_BUS_URL", server.url)
    monkeypatch.setenv("POSTDOCS_BUS_TOKEN", server.token or "")
    return server


async def until(run: RunOnBus, kind: type, times: int = 1, seconds: float = 90.0) -> None:
    """Wait until so many messages of a kind stand in the run's journal."""
    async with asyncio.timeout(seconds), open_journal(run) as journal:
        async for _, envelope in journal.follow():
            times -= isinstance(envelope.data, kind)
            if times == 0:
                return


async def test_a_run_that_was_handed_over_survives_the_servers_death_and_is_steered_over_the_bus(
    on_the_bus: Connection, tmp_path: Path
) -> None:
    task = crew.last_digit_task(tmp_path / "task", budget="60s", target=1.0)
    nowhere = ("--runs-dir", tmp_path / "nowhere")
    with graph_server(on_the_bus, tmp_path / "runs") as first:
        handed = await asyncio.to_thread(crew.postdocs, "run", task, "--detach", "--json")
        assert handed.returncode == 0, handed.stderr
        run = await find_on_bus(on_the_bus, json.loads(handed.stdout)["run"])
        await until(run, RunStarted)
        [row] = await list_runs(on_the_bus)
        assert (row.run, row.state, row.task) == (run.id, "running", "last-digit")
        first.kill()
        first.wait()
        await asyncio.sleep(1)
        assert crew.alive(run.id) == []  # its runs have died with it
    with graph_server(on_the_bus, tmp_path / "runs"):
        await until(run, RunStarted, times=2)
        told = await asyncio.to_thread(crew.postdocs, "tell", run.id, "hello", *nowhere)
        assert told.returncode == 0, told.stderr
        ended = await asyncio.to_thread(crew.postdocs, "cancel", run.id, *nowhere)
        assert ended.returncode == 0, ended.stderr
        await until(run, RunEnded)
        shown = await asyncio.to_thread(crew.postdocs, "show", run.id, "--json", *nowhere)
        assert json.loads(shown.stdout)["tells"] == ["hello"]
        listed = await asyncio.to_thread(crew.postdocs, "runs", "--bus", on_the_bus.url, "--json")
        assert [row["run"] for row in json.loads(listed.stdout)] == [run.id]
        by_variable = await asyncio.to_thread(crew.postdocs, "runs", "--json", *nowhere)
        assert json.loads(by_variable.stdout) == json.loads(listed.stdout)
        report = await asyncio.to_thread(crew.postdocs, "report", run.id, *nowhere)
        assert f"report of run {run.id}" in report.stdout
        watched = await asyncio.to_thread(crew.postdocs, "watch", "latest", "--bus", on_the_bus.url, "--json")
        assert len(watched.stdout.splitlines()) == len(await read_journal(run))
        deadline = time.monotonic() + 20
        while (row := (await list_runs(on_the_bus))[0]).state == "running":
            assert time.monotonic() < deadline
            await asyncio.sleep(0.2)
        assert row.final_model is not None and (Path(row.final_model) / "config.json").is_file()


@pytest.fixture
async def in_process(on_the_bus: Connection, tmp_path: Path) -> AsyncIterator[GraphServer]:
    bus = await on_the_bus.connect("test")
    async with GraphServer(bus, on_the_bus, tmp_path / "runs") as server:
        yield server
    await bus.close()


async def test_a_run_that_cannot_be_mended_is_given_up_with_the_reason(
    in_process: GraphServer, on_the_bus: Connection, tmp_path: Path
) -> None:
    task = crew.last_digit_task(tmp_path / "task", rows=50)
    (tmp_path / "task" / "dev.jsonl").write_text('{"other": 1}\n')
    task.write_text(task.read_text().replace("{file: dev.jsonl}", "{dataset: nobody/nothing-at-all}"))
    handed = await asyncio.to_thread(crew.postdocs, "run", task, "--detach")
    assert handed.returncode == 0, handed.stderr
    deadline = time.monotonic() + 90
    while (row := (await list_runs(on_the_bus))[0]).state == "running":
        assert time.monotonic() < deadline
        await asyncio.sleep(0.2)
    assert row.state.startswith("failed: ") and "nobody/nothing-at-all" in row.state


async def test_a_run_whose_process_dies_again_and_again_is_given_up_but_not_while_the_bus_is_away(
    in_process: GraphServer, server: Connection, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(children, "MAX_RESTARTS", 0)
    in_process._argv = ("-c", "import time; time.sleep(3); raise SystemExit(1)")
    folder = RunFolder(tmp_path / "runs" / "r1")
    write_served(folder, Served())
    in_process._keep(folder)
    await asyncio.sleep(0.5)
    assert server.pid is not None
    os.kill(server.pid, signal.SIGKILL)  # and is started again, as a bus that is upgraded
    await asyncio.sleep(4)
    assert read_served(folder) == Served()
    deadline = time.monotonic() + 30
    while (told := read_served(folder)) == Served():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.1)
    assert told is not None and "the graph process died 1 times, last with code 1" in str(told.failed)


async def test_a_run_that_ends_well_after_the_bus_was_away_is_not_given_up(
    in_process: GraphServer, server: Connection, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(children, "MAX_RESTARTS", 0)
    code = f"""
import pathlib, time
been = pathlib.Path({str(tmp_path / "been")!r})
if been.exists():
    raise SystemExit(0)
been.touch()
time.sleep(3)
raise SystemExit(1)
"""
    in_process._argv = ("-c", code)
    folder = RunFolder(tmp_path / "runs" / "r1")
    write_served(folder, Served())
    in_process._keep(folder)
    await asyncio.sleep(0.5)
    assert server.pid is not None
    os.kill(server.pid, signal.SIGKILL)
    await asyncio.wait(in_process._running.values(), timeout=60)
    assert in_process._running == {}
    assert read_served(folder) == Served()


async def test_a_folder_that_cannot_be_written_is_told(on_the_bus: Connection) -> None:
    command = [sys.executable, "-m", "services.graph_server", "--runs-dir", "/proc/none"]
    told = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True)
    assert told.returncode == 2
    assert told.stderr.splitlines()[-1] == (
        "/proc/none cannot be written (No such file or directory): give another --runs-dir"
    )


async def test_a_served_run_is_not_resumed_by_hand(on_the_bus: Connection, tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "runs" / "r1")
    write_served(folder, Served())
    folder.brief.write_text("{}")
    resumed = await asyncio.to_thread(crew.postdocs, "resume", "r1", "--runs-dir", tmp_path / "runs")
    assert resumed.returncode == 2
    assert "is a graph server's, which resumes it itself" in resumed.stderr


async def test_no_two_graph_servers_over_one_folder(in_process: GraphServer, on_the_bus: Connection) -> None:
    environment = os.environ | {"POSTDOCS_RUNS_DIR": str(in_process.runs_dir)}
    command = [sys.executable, "-m", "services.graph_server"]
    second = await asyncio.to_thread(subprocess.run, command, env=environment, capture_output=True, text=True)
    assert second.returncode == 4
    assert "another graph server keeps" in second.stderr


async def test_without_a_graph_server_a_run_cannot_be_handed_over(
    on_the_bus: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = crew.last_digit_task(tmp_path / "task", rows=50)
    handed = await asyncio.to_thread(crew.postdocs, "run", task, "--detach")
    assert handed.returncode == 4
    assert "no graph server is on the bus" in handed.stderr


async def test_a_run_is_looked_for_in_the_folder_first(on_the_bus: Connection, tmp_path: Path) -> None:
    handed = await asyncio.to_thread(crew.postdocs, "show", "nothing", "--runs-dir", tmp_path)
    assert handed.returncode == 2
    assert "the journals at nats://" in handed.stderr
    (tmp_path / "r1").mkdir()
    (tmp_path / "r1" / "brief.json").write_text("{}")
    assert not isinstance(await find_anywhere(tmp_path, "r1"), RunOnBus)
