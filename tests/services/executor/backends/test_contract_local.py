"""The backends' contract, kept by the local backend."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator

import psutil
import pytest
import pytest_asyncio
from contract import BackendContract, Fresh, Traits
from executor_harness import bare_backend
from watched_job import WatchedJob

from services.executor.backends.backend import Backend
from services.executor.backends.local import LocalBackend
from services.executor.sandbox import check

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def backend() -> AsyncIterator[Backend]:
    opened = LocalBackend()
    await opened.open()
    yield opened
    await opened.close()


@pytest_asyncio.fixture(loop_scope="module")
async def fresh() -> AsyncIterator[Fresh]:
    made: list[Backend] = []

    async def make() -> Backend:
        made.append(bare_backend())
        await made[-1].open()
        return made[-1]

    yield make
    for opened in made:
        await opened.close()


class TestLocal(BackendContract):
    traits = Traits(kill_seconds=5.0)

    @pytest.fixture(autouse=True)
    def one_process_without_namespaces(self, request: pytest.FixtureRequest) -> None:
        """Several need a network between them, if only the loopback."""
        if os.environ.get(check.SETTING) == "landlock" and "processes" in request.node.name:
            pytest.skip("the sandbox is Landlock's")

    async def lose(self, backend: Backend, watched: WatchedJob) -> None:
        """Kill the zygote that it was forked from."""
        zygote = watched.handle.zygote._process  # type: ignore[attr-defined]
        psutil.Process(zygote.pid).kill()
