"""A run survives Ctrl-C and `kill -9`, and goes on; no experiment runs twice."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path

from protocol.control import RunStarted
from protocol.envelope import Envelope
from protocol.job import JobCancelled, JobEvent, JobFailed, JobFinished, JobStarted
from protocol.schedule import Diagnosis
from services.run_folder import RunFolder
from tests.runs import crew

INTERRUPT_SECONDS = 3.0


def wait_for(folder: Path, status: str, limit: float = 60.0) -> RunFolder:
    """Until the ledger of the only run shows an experiment with this status."""
    deadline = time.monotonic() + limit
    while time.monotonic() < deadline:
        if folder.is_dir() and any(folder.iterdir()):
            run = crew.only_run(folder)
            if run.ledger.exists() and any(row["status"] == status for row in crew.rows(run)):
                return run
        time.sleep(0.2)
    raise AssertionError(f"no experiment was {status} within {limit} s")


async def test_a_run_goes_on_after_ctrl_c_and_after_kill_9(tmp_path: Path) -> None:
    task = crew.last_digit_task(tmp_path / "task", budget="60s", target=1.0)
    runs = tmp_path / "runs"

    first = crew.start("run", task, "--runs-dir", runs)
    run = wait_for(runs, "running")
    begun = time.monotonic()
    first.send_signal(signal.SIGINT)
    out, _ = first.communicate(timeout=20)
    assert time.monotonic() - begun < INTERRUPT_SECONDS, out
    assert first.returncode == 130, out
    assert "postdocs resume" in out
    assert (run.final_model / "config.json").is_file()

    second = crew.start("resume", run.id, "--runs-dir", runs)
    wait_for(runs, "scored")
    os.kill(second.pid, signal.SIGKILL)
    second.wait(timeout=10)
    await asyncio.sleep(1.0)
    assert crew.alive(run.id) == []  # its children have died with it

    done = crew.postdocs("resume", run.id, "--runs-dir", runs, "--json")
    assert done.returncode in (0, 3), done.stderr
    told = json.loads(done.stdout)
    assert told["test"] >= told["floor"]

    envelopes = await crew.told(run)
    assert crew.rows(run) == crew.projected(envelopes)
    nothing_ran_twice(envelopes)
    assert len([e for e in envelopes if isinstance(e.data, RunStarted)]) == 3
    assert told["seconds"] < 60 + 10


def nothing_ran_twice(envelopes: Sequence[Envelope]) -> None:
    """In the journal's order: a second job of an experiment needs a diagnosis with a retry."""
    ended: Counter[str] = Counter()
    finished: Counter[str] = Counter()
    jobs: defaultdict[str, set[str]] = defaultdict(set)
    allowed: Counter[str] = Counter()
    for said in (envelope.data for envelope in envelopes):
        if isinstance(said, Diagnosis) and said.retry is not None:
            allowed[said.experiment] += 1
        if not isinstance(said, JobEvent):
            continue
        jobs[said.experiment].add(said.job)
        assert len(jobs[said.experiment]) <= 1 + allowed[said.experiment], said
        if isinstance(said, JobStarted):
            assert said.job not in ended, f"{said.job} started after its end"
        if isinstance(said, JobFinished | JobFailed | JobCancelled):
            ended[said.job] += 1
        if isinstance(said, JobFinished):
            finished[said.experiment] += 1
    assert finished
    assert set(ended.values()) == {1}
    assert set(finished.values()) == {1}
