"""The supervisor of a job on a machine without a worker: real processes; Ray's and Slurm's contracts test the rest."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from protocol.job import Job, JobSpec, Needs
from services.executor.job.control import Asked, Control, Ended, Request

STAY = (
    "import signal, subprocess, sys, time\n"
    "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'], start_new_session=True)\n"
    "open('begun', 'w').close()\n"
    "time.sleep(600)\n"
)


def control_of(folder: Path, script: str, asked: Asked | None = None, **spec: object) -> Control:
    job = Job(
        id="j",
        run="r",
        experiment="e",
        folder=str(folder / "job"),
        spec=JobSpec.model_validate({"files": {}, "argv": ("s.py",), "seconds": 60.0} | spec),
    )
    (folder / "job").mkdir()
    (folder / "job" / "s.py").write_text(script)
    control = Control.beside(job)
    control.create(Request(job=job, seconds=60.0), asked or Asked())
    return control


async def supervised(
    control: Control,
    then: Callable[[asyncio.subprocess.Process], None] | None = None,
    file: str = "begun",
    program: tuple[str, str] = ("-m", "services.executor.job.main"),
) -> Ended | None:
    """How it ended; `then` is done when the script has made `file`."""
    process = await asyncio.create_subprocess_exec(sys.executable, *program, str(control.root))
    job = Path(control.request().job.folder)
    deadline = time.monotonic() + 60
    while then is not None and not (job / file).exists():
        assert process.returncode is None and time.monotonic() < deadline, (job / "output.log").read_text()
        await asyncio.sleep(0.05)
    family = psutil.Process(process.pid).children(recursive=True)
    if then is not None:
        then(process)
    await asyncio.wait_for(process.wait(), 60)
    _, alive = psutil.wait_procs(family, timeout=5)
    assert alive == []
    return control.ended()


async def test_a_lease_that_is_not_renewed_ends_the_job(tmp_path: Path) -> None:
    ended = await supervised(control_of(tmp_path, STAY, Asked(number=1, lease=3.0)))
    assert ended == Ended(signal=signal.SIGKILL)


async def test_a_lease_that_is_renewed_does_not(tmp_path: Path) -> None:
    control = control_of(tmp_path, "import time\ntime.sleep(3)\nprint('whole')", Asked(number=1, lease=4.0))

    async def renew() -> None:
        for number in range(2, 200):
            await asyncio.sleep(0.3)
            control.ask(Asked(number=number, lease=4.0))

    renewing = asyncio.create_task(renew())
    assert await supervised(control) == Ended(code=0)
    renewing.cancel()


async def test_a_signal_from_the_cluster_ends_a_deaf_job_with_all_that_it_started(tmp_path: Path) -> None:
    ended = await supervised(control_of(tmp_path, STAY), lambda process: process.send_signal(signal.SIGTERM))
    assert ended == Ended(signal=signal.SIGKILL)


async def test_a_supervisor_that_is_killed_takes_the_job_with_it(tmp_path: Path) -> None:
    assert await supervised(control_of(tmp_path, STAY), lambda process: process.kill()) is None


async def test_the_announced_end_of_slurms_time_means_save(tmp_path: Path) -> None:
    script = (
        "import signal, sys, time\nsignal.signal(signal.SIGUSR1, lambda *_: sys.exit(7))\n"
        "open('begun', 'w').close()\ntime.sleep(600)"
    )
    ended = await supervised(control_of(tmp_path, script), lambda process: process.send_signal(signal.SIGUSR2))
    assert ended == Ended(code=7)


async def test_a_job_that_hangs_is_over_when_its_time_is_though_no_worker_says_so(tmp_path: Path) -> None:
    control = control_of(tmp_path, STAY, Asked(number=1, lease=1000.0), seconds=1.0, grace=0.5)
    quick = "import sys; from services.executor.job import main; main.START_SECONDS = 1.0; main.supervise(sys.argv[1])"
    ended = await supervised(control, program=("-c", quick))
    assert ended is not None and ended.signal == signal.SIGKILL
    assert ended.limit == "time limit 1 s + 0.5 s to save exceeded, from its start on"


async def test_memory_beyond_the_limit_is_named(tmp_path: Path) -> None:
    script = "import time\nheld = bytearray(b'x') * 2_000_000_000\ntime.sleep(60)"
    ended = await supervised(control_of(tmp_path, script, needs=Needs(memory_gb=2.0)))
    assert ended is not None and (ended.limit or "").startswith("memory limit 2 GB exceeded")


async def test_a_machine_without_the_gpus_is_at_fault(tmp_path: Path) -> None:
    ended = await supervised(control_of(tmp_path, "pass", needs=Needs(gpus=64)))
    assert ended is not None and (ended.failed or "").startswith("64 GPUs wanted")


@pytest.mark.parametrize(
    ("spec", "told"),
    [({"reads": ("/no/such/model",)}, "/no/such/model"), ({"requirements": ("git+https://x.y/z",)}, "git+https")],
)
async def test_a_job_that_can_be_started_nowhere_says_so_in_its_log(
    tmp_path: Path, spec: dict[str, object], told: str
) -> None:
    ended = await supervised(control_of(tmp_path, "pass", **spec))
    assert ended == Ended(code=1)
    (line,) = (tmp_path / "job" / "output.log").read_text().splitlines()
    assert line.startswith("could not start: ") and told in line


async def test_a_log_that_leads_out_of_the_folder_is_not_written_to(tmp_path: Path) -> None:
    control = control_of(tmp_path, "print('here')")
    (tmp_path / "job" / "output.log").symlink_to(tmp_path / "precious")
    ended = await supervised(control)
    assert ended is not None and ended.failed is not None
    assert not os.path.lexists(tmp_path / "precious")


async def test_a_machine_without_a_sandbox_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSTDOCS_SANDBOX", "none")
    ended = await supervised(control_of(tmp_path, "print('never')"))
    assert ended is not None and ended.failed is not None
    assert ended.failed == "POSTDOCS_SANDBOX is 'none': it is one of namespaces, landlock, or not set"
