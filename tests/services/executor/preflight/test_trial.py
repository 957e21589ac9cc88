"""A trial has little time, steps back, and is always ended."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest
from executor_harness import bare_backend

from protocol.job import Job, JobFailed, JobFinished, JobSpec
from services.executor.backends.local import LocalBackend
from services.executor.preflight import trial
from services.executor.preflight.smoke import smoke
from services.executor.preflight.trial import carry_out, on_the_cpu, read


@pytest.fixture
async def backend() -> AsyncIterator[LocalBackend]:
    made = bare_backend()
    await made.open()
    yield made
    await made.close()


def job(folder: Path, script: str) -> Job:
    spec = JobSpec(files={"x.py": script}, argv=("x.py",), seconds=10, launch="ddp")
    return Job(id="j", run="r", experiment="e", folder=str(folder / "e"), spec=on_the_cpu(spec))


async def test_what_does_not_end_in_time_is_ended(
    backend: LocalBackend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trial, "SECONDS", 2.0)
    script = "import os, time\nprint('begun', flush=True)\nos.fork()\ntime.sleep(600)\n"
    ended = await carry_out(backend, job(tmp_path, script))
    assert isinstance(ended.end, JobFailed) and ended.end.reason.startswith("it was not done after 2 s on the CPU")
    flaw = smoke(ended.end, ended.printed, "x.py")
    assert flaw is not None and "begun" in flaw.told
    assert not [one for one in psutil.Process().children(recursive=True) if one.nice() != os.nice(0)]


async def test_what_it_leaves_is_read_with_care(backend: LocalBackend, tmp_path: Path) -> None:
    script = """
import os
open("small", "w").write("x")
open("large", "w").write("x" * (1 << 19))
os.symlink("/etc/passwd", "link")
os.mkfifo("fifo")
"""
    ended = await carry_out(backend, job(tmp_path, script))
    assert isinstance(ended.end, JobFailed) and "it left no whole model" in ended.end.reason
    assert not isinstance(ended.end, JobFinished)
    folder = tmp_path / "e"
    assert read(folder, "small") == b"x"
    assert [read(folder, name) for name in ("large", "link", "fifo", "nothing")] == [None] * 4
