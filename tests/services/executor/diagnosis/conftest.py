"""One zygote for all failures, and one for those that need a network, which a sandbox does not have."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from provoke import Provoker

from services.executor.backends.local import LocalBackend


@pytest.fixture(scope="session")
def provoker() -> Iterator[Provoker]:
    yield from _provoker(sandboxed=True)


@pytest.fixture(scope="session")
def open_provoker() -> Iterator[Provoker]:
    yield from _provoker(sandboxed=False)


def _provoker(sandboxed: bool) -> Iterator[Provoker]:
    with asyncio.Runner() as runner:

        async def opened() -> LocalBackend:
            backend = LocalBackend(sandboxed=sandboxed)
            await backend.open()
            return backend

        backend = runner.run(opened())
        yield Provoker(runner, backend)
        runner.run(backend.close())
