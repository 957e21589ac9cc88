"""The warm pool: real zygotes, of which one is ready when another has died or is worn."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest
from executor_harness import until

from services.executor.backends.backend import BackendFailed
from services.executor.warm import client as client_module
from services.executor.warm import pool as pool_module
from services.executor.warm.client import Fork, ZygoteClient
from services.executor.warm.messages import Start
from services.executor.warm.pool import WarmPool


async def fork(zygote: ZygoteClient, folder: Path, key: str, code: str = "pass") -> Fork:
    folder.mkdir(exist_ok=True)
    (folder / "a.py").write_text(code)
    start = Start(key=key, folder=str(folder), argv=("a.py",), threads=1, stop_at=time.monotonic() + 60)
    return await zygote.start(start)


def ready(pool: WarmPool) -> list[ZygoteClient]:
    return pool._ready


async def test_a_zygote_that_dies_makes_no_job_wait_and_is_replaced(tmp_path: Path) -> None:
    pool = WarmPool(size=2, environment=os.environ, sandboxed=False, modules=())
    try:
        await pool.open()
        await until(lambda: len(ready(pool)) == 2, 120)
        first = await pool.zygote()
        busy = await fork(first, tmp_path / "a", "a", "import time\ntime.sleep(60)")
        second = await pool.zygote()
        assert second is not first, "the one with fewer jobs"
        os.kill(first.pid, signal.SIGKILL)
        with pytest.raises(Exception, match="zygote ended"):
            await busy.exited
        assert await pool.zygote() is second
        await (await fork(second, tmp_path / "b", "b")).exited
        await until(lambda: len(ready(pool)) == 2, 120)
        assert first not in ready(pool)
    finally:
        await pool.close()


async def test_a_worn_zygote_is_replaced_before_it_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool_module, "FORK_SECONDS", 0.1)
    pool = WarmPool(size=1, recycle_after=2, environment=os.environ, sandboxed=False, modules=())
    try:
        first = await pool.zygote()
        running = await fork(first, tmp_path / "a", "a", "import time\nwhile True: time.sleep(0.1)")
        assert await pool.zygote() is first, "it serves on while its successor starts"
        last = await fork(first, tmp_path / "b", "b")
        await last.exited
        await until(lambda: first not in ready(pool) and len(ready(pool)) == 1, 120)
        assert first.alive, "a job of it still runs"
        successor = await pool.zygote()
        assert successor is not first
        await first.signal(running, signal.SIGKILL)
        await running.exited
        await until(lambda: not first.alive, 20)
    finally:
        await pool.close()
    assert not successor.alive


async def test_a_job_that_is_forked_too_late_does_not_run_unwatched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool = WarmPool(size=1, environment=os.environ, sandboxed=False, modules=())
    try:
        zygote = await pool.zygote()
        monkeypatch.setattr(client_module, "FORK_SECONDS", 0.0)
        with pytest.raises(BackendFailed, match="no fork"):
            await fork(zygote, tmp_path / "late", "late", "import time\ntime.sleep(60)")
        await until(lambda: zygote.jobs == 0, 20)
    finally:
        await pool.close()
