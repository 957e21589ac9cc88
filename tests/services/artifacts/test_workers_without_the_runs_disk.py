"""A machine that sees nothing of the run's disk trains its jobs, through the store alone."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from protocol.job import JobAccepted, JobFinished
from services.bus_server import BusServer, Connection
from tests.runs import crew


def may_unshare() -> bool:
    """Whether this user may give a process a view of the disk of its own."""
    command = ["unshare", "--mount", "mount", "-t", "tmpfs", "none", tempfile.gettempdir()]
    return shutil.which("unshare") is not None and subprocess.run(command, capture_output=True).returncode == 0


pytestmark = pytest.mark.skipif(not may_unshare(), reason="mount namespaces are not permitted to this user")


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that those may enter as whom jobs run; pytest's own are closed to them."""
    made = Path(tempfile.mkdtemp(prefix="postdocs-artifacts-"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made)


@contextmanager
def blind_worker(connection: Connection, hidden: Path, store: Path, cache: Path, name: str) -> Iterator[int]:
    """A worker in whose view of the disk `hidden` is empty."""
    hidden.mkdir(exist_ok=True)
    environment = os.environ | {
        "POSTDOCS_BUS_URL": connection.url,
        "POSTDOCS_BUS_TOKEN": connection.token or "",
        "POSTDOCS_ARTIFACTS_CACHE": str(cache),
    }
    start = (
        f"mount -t tmpfs none {hidden} && exec {sys.executable} -m services.executor --artifacts {store} --name {name}"
    )
    command = ["unshare", "--mount", "sh", "-c", start]
    process = subprocess.Popen(command, env=environment, cwd=crew.ROOT)
    try:
        yield process.pid
    finally:
        family = psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout=30)
        finally:
            process.kill()
        _, alive = psutil.wait_procs(family, timeout=10)
        assert alive == []


@pytest.mark.slow
async def test_a_run_is_trained_on_a_machine_that_does_not_see_its_folder(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = crew.last_digit_task(place / "task", budget="60s", target=0.3)
    runs, store = place / "runs", place / "store"
    async with BusServer(place / "bus") as server:
        monkeypatch.setenv("POSTDOCS_BUS_TOKEN", server.connection.token or "")
        monkeypatch.setenv("POSTDOCS_ARTIFACTS_CACHE", str(place / "here"))
        with blind_worker(server.connection, runs, store, place / "cache", "blind"):
            where = ("--runs-dir", runs, "--bus", server.connection.url, "--worker", "none", "--artifacts", store)
            done = await asyncio.to_thread(crew.postdocs, "run", task, *where, "--json", limit=200)
            assert done.returncode in (0, 3), done.stderr
            run = crew.only_run(runs)
            told = await crew.told(run)
    assert not (place / "here").exists()  # on the run's disk a model stands once, in its place
    ended = json.loads(done.stdout)
    assert ended["dev"] > ended["floor"]
    finished = [envelope.data for envelope in told if isinstance(envelope.data, JobFinished)]
    assert finished and all(end.artifact is not None for end in finished)
    assert {e.data.worker for e in told if isinstance(e.data, JobAccepted)} == {"blind"}
    scored = {row["experiment"]["id"] for row in crew.rows(run) if row["status"] == "scored"}
    brought = [end for end in finished if end.experiment in scored]
    assert all((Path(end.model) / "model.safetensors").is_file() for end in brought)
    assert all(not (Path(end.model).parent / "output.log").exists() for end in brought)  # it is on the other machine
    assert [left.name for left in (place / "cache" / "jobs").iterdir() if left.is_dir()] == []
