"""The backends' contract, kept by Hugging Face Jobs: the real client against a server that speaks their API."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import jobs_container
import pytest
import pytest_asyncio
from contract import BackendContract, Fresh, Traits
from huggingface_hub import HfApi
from jobs_hardware import HARDWARE
from jobs_server import TOKEN, JobsServer
from watched_job import WatchedJob

from services.executor.backends.backend import Backend
from services.executor.backends.hf_jobs.backend import HfJobsBackend
from services.executor.backends.hf_jobs.handle import HfJobsHandle

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(not jobs_container.works(), reason="the server's containers take bubblewrap"),
]


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JobsServer]:
    with JobsServer(tmp_path_factory.mktemp("hub"), HARDWARE) as server:
        yield server


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def backend(hub: JobsServer) -> AsyncIterator[Backend]:
    opened = HfJobsBackend(HfApi(hub.url, TOKEN))
    await opened.open()
    yield opened
    await opened.close()


@pytest_asyncio.fixture(loop_scope="module")
async def fresh(hub: JobsServer) -> AsyncIterator[Fresh]:
    made: list[Backend] = []

    async def make() -> Backend:
        made.append(HfJobsBackend(HfApi(hub.url, TOKEN)))
        await made[-1].open()
        return made[-1]

    yield make
    for opened in made:
        await opened.close()


class TestHfJobs(BackendContract):
    traits = Traits(shared_folder=False, kill_seconds=10.0)

    @pytest.fixture(autouse=True)
    def _hub(self, hub: JobsServer) -> None:
        self.hub = hub

    async def lose(self, backend: Backend, watched: WatchedJob) -> None:
        """The Hub forgets it."""
        assert isinstance(watched.handle, HfJobsHandle)
        self.hub.jobs.pop(watched.handle.info.id).stop("DELETED")
