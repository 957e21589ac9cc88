"""The backends' contract, kept by the Ray backend on a real cluster of one node."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio
from contract import BackendContract, Fresh, Traits
from watched_job import WatchedJob

from protocol.job import Needs
from services.executor.backends.backend import Backend, BackendFailed
from services.executor.backends.shared_folder import SharedFolderBackend
from services.executor.inventory.placement import fits

pytest.importorskip("ray", reason="the cluster extra is not installed")
from ray_node import START_SECONDS, RayNode

from services.executor.backends.ray import RayCluster

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def opened(node: RayNode, lost_seconds: float = 60.0) -> SharedFolderBackend:
    """A backend on a node that starts."""
    backend = SharedFolderBackend(RayCluster(node.address, cpus=1), lost_seconds=lost_seconds)
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            await backend.open()
            return backend
        except BackendFailed as error:
            assert node.alive and time.monotonic() < deadline, f"{error}; {node.said}"
            await asyncio.sleep(0.5)


@pytest.fixture(scope="module")
def node() -> Iterator[RayNode]:
    made = RayNode()
    made.start()
    yield made
    made.stop()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def backend(node: RayNode) -> AsyncIterator[Backend]:
    made = await opened(node)
    yield made
    await made.close()


@pytest_asyncio.fixture(loop_scope="module")
async def fresh(node: RayNode, request: pytest.FixtureRequest) -> AsyncIterator[Fresh]:
    """On the node of all, but on one of its own for the test that kills it."""
    mortal = RayNode(cpus=1) if "lost" in request.node.name else None

    async def make() -> Backend:
        if mortal is None:
            return await opened(node)
        mortal.start()
        made = await opened(mortal, lost_seconds=3.0)
        made.node = mortal  # type: ignore[attr-defined]
        return made

    yield make
    if mortal is not None:
        mortal.stop()


class TestRay(BackendContract):
    traits = Traits(kill_seconds=15.0, outlives_worker=True)

    async def lose(self, backend: Backend, watched: WatchedJob) -> None:
        await asyncio.to_thread(backend.node.kill)  # type: ignore[attr-defined]


async def test_a_cluster_that_has_just_started_is_waited_for_until_it_tells_its_machines(
    backend: SharedFolderBackend,
) -> None:
    assert [node.cpus for node in backend.machine.nodes] == [4]
    assert fits(backend.machine, None, Needs(memory_gb=backend.machine.memory_gb))
    assert not fits(backend.machine, None, Needs(memory_gb=backend.machine.memory_gb + 1))
