"""What every backend must pass. One suite, inherited by a small test module for each of them.

A module gives its `traits`, a fixture `backend` (open, of module scope: `pytestmark = pytest.mark.asyncio(
loop_scope="module")`), a fixture `fresh` that makes further ones, and how a job is `lose`d.
"""

from __future__ import annotations

import asyncio
import signal
import uuid
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytest
from watched_job import FOREVER, WatchedJob, family_script, make_job, marked, none_marked

from services.executor.backends.backend import Backend, BackendFailed
from services.executor.files.folder import BadJobFolder
from services.executor.job.events import Checkpoint, Metric, Printed, Running, TrainBegan, TrainEnded
from services.trained_model import what_is_missing

Fresh = Callable[[], Awaitable[Backend]]


@dataclass(frozen=True)
class Traits:
    """In what a backend differs by its nature. The suite asks these; it has no exceptions beside."""

    shared_folder: bool = True
    """The job runs in `job.folder` itself; else what it left is brought there at its end."""
    tells_signals: bool = True
    """`Exit.signal` names what killed a script; else there is an exit code other than 0."""
    kill_seconds: float = 10.0
    """Within which `kill` has ended everything."""
    outlives_worker: bool = False
    """Its jobs run on when the worker dies; so the next start of the same job has to end them."""
    launches: bool = True
    """Runs `accelerate launch` with two processes where there is no GPU."""


class BackendContract:
    """The tests; `Test…` classes inherit them."""

    traits = Traits()

    async def lose(self, backend: Backend, watched: WatchedJob) -> None:
        """Make `backend` lose a running job: kill what runs it, not the job."""
        raise NotImplementedError

    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        """Below which jobs have their folders."""
        return tmp_path

    # ---------------------------------------------------------------- what a job says

    async def test_a_training_tells_all_in_order_and_leaves_a_whole_model(self, backend: Backend, folder: Path) -> None:
        job = make_job(folder, "sft.py", "--steps", "6", "--save-every", "3", needs={"gpus": 0})
        watched = await WatchedJob.start(backend, job)
        ended = await watched.end()
        assert (ended.code, ended.signal, ended.limit) == (0, None, None), watched.lines
        kinds = [event.kind for event in watched.said if not isinstance(event, Printed)]
        assert kinds[:2] == ["running", "train_began"] and kinds[-1] == "train_ended"
        assert [event.step for event in watched.all(Checkpoint)] == [3, 6]
        figures = [event for event in watched.all(Metric) if "loss" in event.values]
        assert [event.step for event in figures] == [1, 2, 3, 4, 5, 6]
        assert {event.max_steps for event in figures} == {6}
        third = watched.said.index(figures[2])
        assert watched.said.index(watched.all(Checkpoint)[0]) > third  # a checkpoint comes after its step's figures
        assert watched.handle.resumed_from is None
        assert what_is_missing(Path(job.folder) / "model") is None

    async def test_printed_lines_arrive_and_bytes_that_are_no_text_do_no_harm(
        self, backend: Backend, folder: Path
    ) -> None:
        script = (
            "import os, sys\nprint('première', flush=True)\nos.write(1, b'caf\\xe9 \\xff\\xfe\\n')\n"
            "print('to stderr', file=sys.stderr, flush=True)\nos.write(1, b'unfinished')\n"
        )
        watched = await WatchedJob.start(backend, make_job(folder, "odd.py", script=script))
        assert (await watched.end()).code == 0
        wanted = ["première", "caf\N{REPLACEMENT CHARACTER} \N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}"]
        told = [line for line in watched.lines if line in (*wanted, "to stderr", "unfinished")]
        assert told == [*wanted, "to stderr", "unfinished"]

    async def test_the_script_has_its_arguments_and_its_files(self, backend: Backend, folder: Path) -> None:
        script = (
            "import sys, beside\nfrom pathlib import Path\n"
            "print('ARGV', sys.argv)\nprint('TEXT', Path('conf/a.yaml').read_text())\nprint('BESIDE', beside.WORD)\n"
            "print('NAME', __name__, Path(__file__).name)\n"
        )
        files = {"conf/a.yaml": "a: 'ä b'", "beside.py": "WORD = 'importable'"}
        job = make_job(folder, "main.py", "--config", "conf/a.yaml", "a b", "$HOME;'", script=script, files=files)
        watched = await WatchedJob.start(backend, job)
        assert (await watched.end()).code == 0, watched.lines
        for line in (
            "ARGV ['main.py', '--config', 'conf/a.yaml', 'a b', \"$HOME;'\"]",
            "TEXT a: 'ä b'",
            "BESIDE importable",
            "NAME __main__ main.py",
        ):
            assert line in watched.lines

    async def test_two_jobs_at_a_time_do_not_mix(self, backend: Backend, folder: Path) -> None:
        script = "import sys, time\nfor n in range(40):\n    print(sys.argv[1], n, flush=True)\n    time.sleep(0.05)\n"
        jobs = [make_job(folder, "talk.py", name, script=script) for name in ("ada", "bea")]
        first, second = await asyncio.gather(*(WatchedJob.start(backend, job) for job in jobs))
        ended = await asyncio.gather(first.end(), second.end())
        assert [exit.code for exit in ended] == [0, 0]
        for watched, name, other in ((first, "ada", "bea"), (second, "bea", "ada")):
            assert [line for line in watched.lines if line.startswith(name)] == [f"{name} {n}" for n in range(40)]
            assert not any(line.startswith(other) for line in watched.lines)
            assert len(watched.all(Running)) == 1

    async def test_a_job_sees_no_secret_of_the_bus(
        self, backend: Backend, folder: Path, bus_secrets: dict[str, str]
    ) -> None:
        script = "import os\nfor name, value in os.environ.items():\n    print('ENV', name, value)\n"
        watched = await WatchedJob.start(backend, make_job(folder, "env.py", script=script))
        assert (await watched.end()).code == 0
        told = "\n".join(line for line in watched.lines if line.startswith("ENV"))
        assert "PATH" in told
        assert "POSTDOCS_BUS" not in told
        assert not any(secret in told for secret in bus_secrets.values())

    # ---------------------------------------------------------------- how a job ends

    @pytest.mark.parametrize(
        ("script", "code"),
        [("pass", 0), ("import sys\nsys.exit(3)", 3), ("raise KeyError('labels')", 1), ("raise SystemExit('no')", 1)],
    )
    async def test_the_exit_code_is_the_scripts(self, backend: Backend, folder: Path, script: str, code: int) -> None:
        watched = await WatchedJob.start(backend, make_job(folder, "end.py", script=script))
        ended = await watched.end()
        assert (ended.code, ended.signal) == (code, None)
        if "KeyError" in script:
            assert watched.lines[-1] == "KeyError: 'labels'"

    async def test_a_crash_tells_its_signal(self, backend: Backend, folder: Path) -> None:
        script = "import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)"
        watched = await WatchedJob.start(backend, make_job(folder, "crash.py", script=script))
        ended = await watched.end()
        if self.traits.tells_signals:
            assert (ended.code, ended.signal) == (None, signal.SIGSEGV)
        else:
            assert ended.code != 0

    async def test_save_ends_the_training_and_leaves_the_model(self, backend: Backend, folder: Path) -> None:
        job = make_job(folder, "sft.py", *FOREVER)
        watched = await WatchedJob.start(backend, job)
        await watched.until(lambda: len(watched.all(Metric)) >= 2)
        await watched.handle.save()
        assert (await watched.end()).code == 0, watched.lines
        (trained,) = watched.all(TrainEnded)
        assert trained.stopped_early and trained.step >= 2
        assert what_is_missing(Path(job.folder) / "model") is None

    async def test_training_stops_in_time_and_the_model_is_saved(self, backend: Backend, folder: Path) -> None:
        job = make_job(folder, "sft.py", *FOREVER)
        watched = await WatchedJob.start(backend, job, seconds=2.0)
        assert (await watched.end()).code == 0, watched.lines
        (trained,) = watched.all(TrainEnded)
        assert trained.stopped_early and 0 < trained.step < 100_000
        assert what_is_missing(Path(job.folder) / "model") is None

    async def test_terminate_ends_a_job(self, backend: Backend, folder: Path) -> None:
        script = "import time\nprint('begun', flush=True)\ntime.sleep(600)"
        watched = await WatchedJob.start(backend, make_job(folder, "sleep.py", script=script))
        await watched.until(lambda: "begun" in watched.lines)
        await watched.handle.terminate()
        ended = await watched.end()
        if self.traits.tells_signals:
            assert (ended.code, ended.signal) == (None, signal.SIGTERM)
        else:
            assert ended.code != 0

    async def test_kill_ends_a_job_that_will_not_with_all_that_it_started(self, backend: Backend, folder: Path) -> None:
        marker = f"marker-{uuid.uuid4().hex}"
        deaf = "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        job = make_job(folder, "family.py", "--stay", script=deaf + family_script(marker))
        watched = await WatchedJob.start(backend, job)
        await watched.until(lambda: "started" in watched.lines)
        assert len(marked(marker)) >= 3
        async with asyncio.timeout(self.traits.kill_seconds):
            await watched.handle.kill()
        await none_marked(marker, 1.0)
        ended = await watched.end()
        assert ended.code != 0
        if self.traits.tells_signals:
            assert (ended.code, ended.signal) == (None, signal.SIGKILL)

    async def test_nothing_that_a_job_started_outlives_it(self, backend: Backend, folder: Path) -> None:
        marker = f"marker-{uuid.uuid4().hex}"
        watched = await WatchedJob.start(backend, make_job(folder, "family.py", script=family_script(marker)))
        assert (await watched.end()).code == 0
        await none_marked(marker, self.traits.kill_seconds)

    async def test_stopping_a_job_that_has_ended_does_nothing(self, backend: Backend, folder: Path) -> None:
        watched = await WatchedJob.start(backend, make_job(folder, "short.py", script="print('done')"))
        first = await watched.end()
        for stop in (watched.handle.save, watched.handle.terminate, watched.handle.kill, watched.handle.kill):
            await stop()
        assert await watched.handle.wait() == first
        assert first.code == 0

    # ---------------------------------------------------------------- a second start

    async def test_a_job_started_again_goes_on_from_its_newest_whole_checkpoint(
        self, backend: Backend, folder: Path
    ) -> None:
        job = make_job(folder, "sft.py", *FOREVER, "--save-every", "4")
        watched = await WatchedJob.start(backend, job)
        await watched.until(lambda: len(watched.all(Checkpoint)) >= 2)
        await watched.handle.kill()
        await watched.end()
        whole = watched.all(Checkpoint)[-1].step
        if self.traits.shared_folder:  # one that was being written when the worker died
            (Path(job.folder) / "checkpoints" / f"checkpoint-{whole + 1000}").mkdir()

        again = await WatchedJob.start(backend, job)
        assert again.handle.resumed_from is not None
        assert Path(again.handle.resumed_from).name == f"checkpoint-{whole}"
        await again.until(lambda: again.all(Metric))
        await again.stop()
        assert again.all(TrainBegan)[0].step == whole
        assert again.all(Metric)[0].step == whole + 1
        assert len(again.all(Running)) == 1  # what the first start said is not told again

    async def test_a_second_start_ends_what_a_dead_worker_has_left(self, backend: Backend, folder: Path) -> None:
        if not self.traits.outlives_worker:
            pytest.skip("this backend declares that its jobs end with their worker")
        marker = f"marker-{uuid.uuid4().hex}"
        job = make_job(folder, "family.py", "--stay", script=family_script(marker))
        first = await WatchedJob.start(backend, job)
        await first.until(lambda: "started" in first.lines)
        before = set(marked(marker))
        second = await WatchedJob.start(backend, job)
        assert not before & set(marked(marker))
        await second.until(lambda: "started" in second.lines)
        with suppress(BackendFailed):  # the dead worker would not have asked
            await first.end()
        await second.stop()

    # ---------------------------------------------------------------- what goes wrong

    @pytest.mark.parametrize("argv", ["../../evil.py", "/etc/evil.py"])
    async def test_a_folder_that_cannot_be_prepared_is_the_jobs_fault(
        self, backend: Backend, folder: Path, argv: str
    ) -> None:
        with pytest.raises(BadJobFolder):
            await WatchedJob.start(backend, make_job(folder, argv, script="pass"))

    async def test_a_lost_job_is_the_backends_fault(self, fresh: Fresh, folder: Path) -> None:
        backend = await fresh()
        job = make_job(folder, "sleep.py", script="import time\nprint('begun', flush=True)\ntime.sleep(600)")
        watched = await WatchedJob.start(backend, job)
        await watched.until(lambda: "begun" in watched.lines)
        await self.lose(backend, watched)
        with pytest.raises(BackendFailed):
            await watched.end()
        await watched.handle.kill()  # must be harmless

    @pytest.mark.parametrize("after", [0.0, 0.02, 0.3])
    async def test_a_start_that_is_cancelled_leaves_nothing(self, backend: Backend, folder: Path, after: float) -> None:
        marker = f"marker-{uuid.uuid4().hex}"
        job = make_job(folder, "family.py", "--stay", script=family_script(marker))
        starting = asyncio.create_task(WatchedJob.start(backend, job))
        await asyncio.sleep(after)
        starting.cancel()
        await asyncio.wait({starting})
        if not starting.cancelled():  # it was done by then
            await starting.result().stop()
        await asyncio.sleep(self.traits.kill_seconds / 4)
        await none_marked(marker, self.traits.kill_seconds)

    async def test_closing_a_backend_ends_its_jobs_and_leaves_nothing(self, fresh: Fresh, folder: Path) -> None:
        backend = await fresh()
        marker = f"marker-{uuid.uuid4().hex}"
        job = make_job(folder, "family.py", "--stay", script=family_script(marker))
        watched = await WatchedJob.start(backend, job)
        await watched.until(lambda: "started" in watched.lines)
        await backend.close()
        await none_marked(marker, self.traits.kill_seconds)
        lock = f".{job.id}.lock"  # stays: who removes a lock may remove one that another has just taken
        assert {path.name for path in folder.iterdir()} - {lock} == {job.id}
        await watched.stop()
        await backend.close()  # twice is once

    # ---------------------------------------------------------------- several processes

    @pytest.mark.parametrize(("launch", "saved"), [("fsdp", False), ("ddp", True)])
    async def test_a_training_of_several_processes(
        self, backend: Backend, folder: Path, launch: Literal["ddp", "fsdp"], saved: bool
    ) -> None:
        """One that comes to its end, and one that is told to save before."""
        if not self.traits.launches:
            pytest.skip("this backend declares that it cannot here")
        length = FOREVER if saved else ("--steps", "6")
        job = make_job(folder, "sft.py", *length, "--save-every", "3", launch=launch)
        watched = await WatchedJob.start(backend, job)
        if saved:
            await watched.until(lambda: len(watched.all(Checkpoint)) >= 2)
            await watched.handle.save()
        assert (await watched.end()).code == 0, watched.lines
        assert len(watched.all(Running)) == 1
        (trained,) = watched.all(TrainEnded)
        assert trained.stopped_early is saved
        assert [m.step for m in watched.all(Metric) if "loss" in m.values] == list(range(1, trained.step + 1))
        assert [event.step for event in watched.all(Checkpoint)][:2] == [3, 6]
        assert what_is_missing(Path(job.folder) / "model") is None

    async def test_kill_reaches_all_processes(self, backend: Backend, folder: Path) -> None:
        if not self.traits.launches:
            pytest.skip("this backend declares that it cannot here")
        marker = f"marker-{uuid.uuid4().hex}"
        job = make_job(folder, "family.py", "--stay", script=family_script(marker), launch="ddp")
        watched = await WatchedJob.start(backend, job)
        await watched.until(lambda: watched.lines.count("started") == 2)
        assert len(marked(marker)) >= 6
        async with asyncio.timeout(self.traits.kill_seconds):
            await watched.handle.kill()
        await none_marked(marker, 1.0)
        await watched.end()
