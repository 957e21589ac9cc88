"""Workers that share no disk share jobs through the artifact store."""

from __future__ import annotations

import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from executor_harness import BARE, CrewRun, WorkerProcess, until

from protocol.artifact import Ref
from protocol.envelope import Envelope
from protocol.job import Job, JobCheckpoint, JobFailed, JobFinished, JobStarted
from protocol.queue import submit
from services.artifacts.store import Store
from services.bus_server import Connection


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that those may enter as whom jobs run; pytest's own are closed to them."""
    made = Path(tempfile.mkdtemp(prefix="postdocs-artifacts-"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made)


class Machine:
    """A worker with a cache of its own."""

    def __init__(
        self, connection: Connection, place: Path, name: str, monkeypatch: pytest.MonkeyPatch, *more: str
    ) -> None:
        monkeypatch.setenv("POSTDOCS_ARTIFACTS_CACHE", str(place / name))
        self.worker = WorkerProcess(connection, name, "--artifacts", str(place / "store"), *more, slots=1)

    def die(self) -> None:
        """As by a power cut."""
        for process in [*self.worker.family(), self.worker.process]:
            process.send_signal(signal.SIGKILL)
        self.worker.process.wait()


async def queue(run: CrewRun, envelope: Envelope, inputs: dict[str, Ref]) -> Job:
    assert isinstance(envelope.data, Job)
    job = envelope.data.model_copy(update={"inputs": inputs})
    assert await submit(run.bus, envelope.model_copy(update={"data": job}))
    return job


@pytest.mark.slow
async def test_another_machine_goes_on_from_the_checkpoint_that_the_dead_one_has_sent(
    run: CrewRun, own_server: Connection, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(str(place / "store"), place / "mine")
    argv = ("sft.py", "--steps", "60", "--save-every", "5", "--pause", "0.1")
    job = await queue(run, run.job(argv, id="moves", seconds=120.0), {})
    first = Machine(own_server, place, "first", monkeypatch)
    await run.wait(job, JobCheckpoint, nth=2, seconds=90)
    await until(lambda: store.pointed(f"{job.id}/checkpoint"), seconds=20)
    sent = store.pointed(f"{job.id}/checkpoint")
    assert sent is not None
    first.die()
    shutil.rmtree(place / "first")
    second = Machine(own_server, place, "second", monkeypatch)
    try:
        end = await run.end(job, seconds=120)
    finally:
        second.worker.stop()
    assert isinstance(end, JobFinished), end
    begun = await run.events(job, JobStarted)
    assert begun[-1].resumed_from is not None
    assert int(begun[-1].resumed_from.rsplit("-", 1)[1]) >= int(sent[0].rsplit("-", 1)[1])
    assert end.model == f"{job.folder}/model"
    assert not Path(job.folder).exists()
    assert end.artifact is not None
    assert {"config.json", "model.safetensors"} <= {path.name for path in store.get(end.artifact).iterdir()}


async def test_a_job_reads_what_the_store_has_and_fails_clearly_for_what_it_has_not(
    run: CrewRun, own_server: Connection, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(str(place / "store"), place / "mine")
    data = place / "elsewhere" / "rows.jsonl"
    data.parent.mkdir()
    data.write_text("rows")
    ref = store.put(data)
    data.unlink()
    script = f"print('read', open({str(data)!r}).read())\nraise SystemExit(3)\n"
    envelope = run.job(("read.py",), id="reads", script=script, reads=(str(data),))
    missing = run.job(("read.py",), id="misses", script=script, reads=(str(data),))
    nothing = Ref(kind="file", sha256="0" * 64, size=1)
    machine = Machine(own_server, place, "only", monkeypatch, *BARE)
    try:
        reads = await queue(run, envelope, {str(data): ref})
        misses = await queue(run, missing, {str(data): nothing})
        read, missed = await run.end(reads, seconds=90), await run.end(misses, seconds=90)
    finally:
        machine.worker.stop()
    assert isinstance(read, JobFailed) and "read rows" in read.evidence
    assert isinstance(missed, JobFailed) and missed.cause.category == "missing_file"
    assert "was it put into another store" in missed.reason
