"""What the launcher gives to its child processes: the way to the bus, and no credential where others can read it."""

from __future__ import annotations

import asyncio
import stat
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from services import children as children_module
from services.bus_server import Connection
from services.children import Children, ServiceRefused
from services.launcher import Options, _bus
from services.run_folder import RunFolder

TELL = "import os; print(os.environ.get('POSTDOCS_BUS_TOKEN'))"


@pytest.mark.parametrize(("token", "told"), [(None, "None"), ("mine", "mine")])
async def test_a_child_gets_the_token_of_its_bus_and_no_other(
    token: str | None, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POSTDOCS_BUS_TOKEN", "inherited")
    children = Children(Connection(url="nats://ada:secret@host", token=token), tmp_path)
    await children.start("child", "-c", TELL)
    await asyncio.wait_for(children._processes["child"].wait(), 10)
    await children.stop()
    assert (tmp_path / "child.log").read_text().strip() == told


async def test_a_worker_beside_the_runs_disk_is_told_of_no_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POSTDOCS_ARTIFACTS", "s3://bucket/postdocs")  # for the run, whose other workers need it
    assert "POSTDOCS_ARTIFACTS" not in Children(Connection(url="nats://host"), tmp_path)._environment()


async def test_a_companion_that_cannot_be_kept_alive_fails_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(children_module, "MAX_RESTARTS", 0)
    children = Children(Connection(url="nats://host"), tmp_path)
    await children.start("needed", "-c", "import time; time.sleep(60)")
    await children.accompany("companion", "-c", "raise SystemExit(1)")
    failed = asyncio.create_task(children.failed())
    await children.ended("companion", 20)
    done, _ = await asyncio.wait({failed}, timeout=0.2)
    assert done == set()
    failed.cancel()
    await children.stop()


async def test_a_worker_that_was_drained_is_not_started_again(tmp_path: Path) -> None:
    children = Children(Connection(url="nats://host"), tmp_path)
    await children.start("worker", "-c", "print('drained')", ends=(0,))
    await asyncio.wait(children._watchers, timeout=20)
    failed = asyncio.create_task(children.failed())
    done, _ = await asyncio.wait({failed}, timeout=1.0)
    assert done == set() and (tmp_path / "worker.log").read_text() == "drained\n"
    failed.cancel()
    await children.stop()


async def test_the_url_of_an_external_bus_is_kept_for_its_owner_only(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "r1")
    folder.root.mkdir()
    folder.bus_url.write_text("{}")  # as an older version left it
    async with _bus(folder, Options(bus="nats://ada:secret@host:4222")) as connection:
        assert connection.url == "nats://ada:secret@host:4222"
    assert stat.S_IMODE(folder.bus_url.stat().st_mode) == 0o600


def test_a_worker_does_not_show_its_bus_in_the_list_of_processes() -> None:
    command = [sys.executable, "-m", "services.cli.main", "worker", "--bus", "nats://ada:secret@127.0.0.1:1"]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        try:
            deadline = time.monotonic() + 30
            while "services.executor" not in (shown := psutil.Process(process.pid).cmdline()):
                assert time.monotonic() < deadline, shown
                time.sleep(0.02)
        finally:
            process.kill()
    assert not any("secret" in argument for argument in shown)


async def test_a_child_that_was_given_something_wrong_is_not_started_again_and_says_what(tmp_path: Path) -> None:
    children = Children(Connection(url="nats://host"), tmp_path)
    await children.start("worker", "-c", "print('--slots is -1: give 1 or more'); raise SystemExit(2)")
    with pytest.raises(
        ServiceRefused, match="the worker process does not start: --slots is -1: give 1 or more"
    ) as told:
        await asyncio.wait_for(children.failed(), 20)
    assert told.value.exit_code == 2
    assert (tmp_path / "worker.log").read_text().count("slots") == 1
    await children.stop()
