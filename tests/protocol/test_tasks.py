"""Tasks are stopped for certain, also those that lose a cancellation."""

from __future__ import annotations

import asyncio

from protocol.tasks import stop


async def test_a_task_that_loses_its_first_cancellation_is_stopped() -> None:
    lost = 0

    async def stubborn() -> None:
        nonlocal lost
        while True:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                lost += 1
                if lost == 3:
                    raise

    task = asyncio.create_task(stubborn())
    await asyncio.sleep(0)
    await asyncio.wait_for(stop([task]), 5)
    assert task.cancelled()
    assert lost == 3


async def test_what_has_ended_already_is_no_matter() -> None:
    async def fail() -> None:
        raise ValueError("long ago")

    task = asyncio.create_task(fail())
    await asyncio.sleep(0)
    await stop([task])
    assert task.done()
