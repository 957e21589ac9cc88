"""The backends' contract, kept by the Slurm backend on a real Slurm of one node: `make test-slurm`, as root.

It needs Debian's packages `slurm-wlm` and `munge`, and is left out of `make test`.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterator

import psutil
import pytest
import pytest_asyncio
from contract import BackendContract, Fresh, Traits
from slurm_node import SlurmNode, missing
from watched_job import WatchedJob, make_job

from services.executor.backends.backend import Backend, BackendFailed
from services.executor.backends.shared_folder import SharedFolderBackend

pytest.importorskip("submitit", reason="the cluster extra is not installed")
from services.executor.backends.slurm import SlurmCluster

pytestmark = [pytest.mark.slurm, pytest.mark.asyncio(loop_scope="module")]


@pytest.fixture(scope="module")
def node() -> Iterator[SlurmNode]:
    if missing() or os.geteuid() != 0:
        pytest.fail(f"make test-slurm needs root and: apt-get install slurm-wlm munge (missing: {missing()})")
    started = SlurmNode()
    with pytest.MonkeyPatch.context() as patch:
        try:
            started.start()
            patch.setenv("SLURM_CONF", str(started.config))
            yield started
        finally:
            started.stop()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def backend(node: SlurmNode) -> AsyncIterator[Backend]:
    opened = SharedFolderBackend(SlurmCluster(cpus=1), lost_seconds=20.0)
    await opened.open()
    yield opened
    await opened.close()


@pytest_asyncio.fixture(loop_scope="module")
async def fresh(node: SlurmNode) -> AsyncIterator[Fresh]:
    made: list[Backend] = []

    async def make() -> Backend:
        made.append(SharedFolderBackend(SlurmCluster(cpus=1), lost_seconds=5.0))
        await made[-1].open()
        return made[-1]

    yield make
    for opened in made:
        await opened.close()


class TestSlurm(BackendContract):
    traits = Traits(kill_seconds=15.0, outlives_worker=True)

    async def lose(self, backend: Backend, watched: WatchedJob) -> None:
        """Kill the supervisor, and what slurmd watches it with, as a machine that fails does."""
        control = watched.handle.control.root  # type: ignore[attr-defined]
        for process in psutil.process_iter(["cmdline"]):
            if any(str(control) in word for word in process.info["cmdline"] or []):
                process.kill()


async def test_the_kinds_of_device_are_slurms(backend: SharedFolderBackend) -> None:
    assert backend.device == "2 × h100 (slurm)"
    assert [gpu.memory_gb for gpu in backend.machine.gpus] == [80.0, 80.0]
    assert backend.machine.elastic and backend.machine.cpus == 1
    assert [len(node.gpus) for node in backend.machine.nodes] == [2]


async def test_what_a_job_needs_is_asked_of_slurm(backend: SharedFolderBackend, tmp_path, node: SlurmNode) -> None:  # type: ignore[no-untyped-def]
    """Two GPUs, which here are no real ones: Slurm grants them, and the job does not start without."""
    job = make_job(tmp_path, "idle.py", script="pass", needs={"gpus": 2, "kind": "h100", "memory_gb": 2.0})
    watched = await WatchedJob.start(backend, job, gpus=backend.machine.gpus[:2])
    with pytest.raises(BackendFailed, match="2 GPUs wanted, 0 to be seen"):
        await watched.end()


async def test_a_job_that_waits_in_the_queue_is_taken_off_it(backend: SharedFolderBackend, tmp_path) -> None:  # type: ignore[no-untyped-def]
    script = "import time\nprint('begun', flush=True)\ntime.sleep(600)"
    big = {"needs": {"memory_gb": 7.0}}  # of the node's 8
    first = await WatchedJob.start(backend, make_job(tmp_path, "a.py", script=script, **big))
    await first.until(lambda: "begun" in first.lines)
    second = await WatchedJob.start(backend, make_job(tmp_path, "b.py", script=script, **big))
    await asyncio.sleep(1)
    assert second.said == []
    await second.handle.kill()
    assert (await second.end()).code is None
    await first.stop()
