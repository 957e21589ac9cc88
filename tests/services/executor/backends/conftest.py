"""The contract's assertions explain themselves as those of a test module do; no secret may reach a job from here."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

if TYPE_CHECKING:
    from jobs_server import JobsServer

    from services.executor.backends.hf_jobs.backend import HfJobsBackend

pytest.register_assert_rewrite("contract", "watched_job")


@pytest.fixture(scope="module", autouse=True)
def bus_secrets() -> Iterator[dict[str, str]]:
    """The worker has them in its environment, and so has whatever opens a backend in these tests."""
    secrets = {"POSTDOCS_BUS_URL": "nats://worker:s3cret@127.0.0.1:4222", "POSTDOCS_BUS_TOKEN": "t0p-s3cret"}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in secrets.items():
            patch.setenv(name, value)
        yield secrets


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[JobsServer]:
    """A server that speaks the API of Hugging Face Jobs."""
    from jobs_hardware import HARDWARE
    from jobs_server import JobsServer

    with JobsServer(tmp_path / "hub", HARDWARE) as server:
        yield server


@pytest_asyncio.fixture
async def rented(hub: JobsServer) -> AsyncIterator[HfJobsBackend]:
    """Runs jobs there, and gives them a secret."""
    from huggingface_hub import HfApi
    from jobs_server import TOKEN

    from services.executor.backends.hf_jobs.backend import HfJobsBackend

    opened = HfJobsBackend(HfApi(hub.url, TOKEN), passed={"SOME_KEY": "sk-very-secret"})
    await opened.open()
    yield opened
    await opened.close()
