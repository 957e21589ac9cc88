"""The scorer as a process: ready at once, stopped by SIGTERM, and nothing is lost when it starts again."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import time
from collections.abc import AsyncIterator

from laboratory import Laboratory

from services.bus_server import Connection
from services.child import die_with_parent


@contextlib.asynccontextmanager
async def scorer(lab: Laboratory, server: Connection) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "services.scorer", "--run", lab.run, "--folder", str(lab.folder.root),
        env=os.environ | {"POSTDOCS_BUS_URL": server.url, "POSTDOCS_BUS_TOKEN": server.token or ""},
        stderr=asyncio.subprocess.PIPE, preexec_fn=die_with_parent(),
    )  # fmt: skip
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def test_a_restarted_scorer_knows_all_that_the_first_one_knew(idle: Laboratory, server: Connection) -> None:
    began = time.monotonic()
    async with scorer(idle, server) as first:
        ready = await idle.prepare()
        prepared = time.monotonic() - began
        scored = await idle.score("base")
        scored_after = time.monotonic() - began
        assert prepared < scored_after / 2, "the splits do not wait for torch"
        await idle.ship(scored)
        tested = await idle.test()
        first.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(first.wait(), 5) == 0
    async with scorer(idle, server) as second:
        again = await idle.score("again", against=("base",))
        assert again.model_sha256 == scored.model_sha256
        assert again.paired[0].n == 40
        assert await idle.prepare() == ready
        assert await idle.test() == tested
        second.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(second.wait(), 5) == 0


async def test_without_a_bus_it_says_so_and_ends_with_4(idle: Laboratory) -> None:
    nowhere = Connection(url="nats://127.0.0.1:1")
    async with scorer(idle, nowhere) as process:
        _, told = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 4
    assert b"no usable NATS server at nats://127.0.0.1:1" in told
    assert b"Traceback" not in told
