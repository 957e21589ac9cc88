"""A run survives the death of any of its processes: each is killed in mid-run, and the run ends as if nothing was."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

from protocol.control import RunEnded
from services.bus_server import running_server
from services.run_folder import RunFolder
from tests.runs import crew
from tests.runs.test_interruption import nothing_ran_twice, wait_for

PROCESSES = ("services.scorer", "services.crew", "services.executor", "nats-server")


def process_of(run: RunFolder, name: str) -> int:
    """The process of this name that belongs to the run."""
    if name == "nats-server":
        server = running_server(run.bus)
        assert server is not None and server.pid is not None
        return server.pid
    [pid] = set(crew.alive(name)) & set(crew.alive(run.id))
    return pid


async def test_every_process_of_a_run_may_die_once(tmp_path: Path) -> None:
    task = crew.last_digit_task(tmp_path / "task", budget="60s", target=1.0)
    runs = tmp_path / "runs"
    started = crew.start("run", task, "--runs-dir", runs)
    try:
        run = wait_for(runs, "running")
        for name in PROCESSES:
            os.kill(process_of(run, name), signal.SIGKILL)
            await asyncio.sleep(3)
        out, _ = started.communicate(timeout=120)
    finally:
        started.kill()
    assert started.returncode in (0, 3), out
    envelopes = await crew.told(run)
    nothing_ran_twice(envelopes)
    assert crew.rows(run) == crew.projected(envelopes)
    [ended] = [e.data for e in envelopes if isinstance(e.data, RunEnded)]
    assert ended.test.value > ended.floor.value
    assert crew.alive(run.id) == []
