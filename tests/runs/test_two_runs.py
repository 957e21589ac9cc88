"""Two runs at once against one bus and one worker do not disturb each other."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path

import pytest

from protocol.control import RunStarted
from protocol.job import JobEvent
from services.bus_server import BusServer
from services.run_access import all_runs
from services.run_folder import RunFolder
from tests.runs import crew


async def test_two_runs_share_a_bus_and_a_worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tasks = [crew.last_digit_task(tmp_path / name, budget="50s", target=0.3) for name in ("one", "two")]
    runs = tmp_path / "runs"
    async with BusServer(tmp_path / "bus") as server:
        monkeypatch.setenv("POSTDOCS_BUS_TOKEN", server.connection.token or "")
        environment = dict(os.environ) | {"POSTDOCS_BUS_URL": server.connection.url}
        worker = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "services.executor", "--name", "shared", env=environment, cwd=crew.ROOT
        )
        try:
            arguments = ("--runs-dir", runs, "--bus", server.connection.url, "--worker", "none", "--json")
            crews = [asyncio.to_thread(crew.postdocs, "run", task, *arguments) for task in tasks]
            done = await asyncio.gather(*crews)
            for ended in done:
                assert ended.returncode in (0, 3), ended.stderr
            told = [json.loads(ended.stdout) for ended in done]
            folders = all_runs(runs)
            assert {t["run"] for t in told} == {folder.id for folder in folders}
            one, other = [await _its_own_jobs(folder) for folder in folders]
            assert one
            assert other
            assert one.isdisjoint(other)
        finally:
            worker.terminate()
            await asyncio.wait_for(worker.wait(), 20)


async def _its_own_jobs(folder: RunFolder) -> set[str]:
    """The jobs of a run: all in its journal is of this run, its ledger is complete, and it trained something."""
    envelopes = await crew.told(folder)
    assert {e.run for e in envelopes} == {folder.id}
    assert len([e for e in envelopes if isinstance(e.data, RunStarted)]) == 1
    rows = crew.rows(folder)
    assert rows == crew.projected(envelopes)
    assert any(row["status"] == "scored" for row in rows)
    events = [e.data for e in envelopes if isinstance(e.data, JobEvent)]
    assert {event.experiment for event in events} <= {row["experiment"]["id"] for row in rows}
    return {event.job for event in events}
