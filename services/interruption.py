"""Work that Ctrl-C or SIGTERM ends in an orderly way. Used by the launcher, and by runs that go on elsewhere."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Coroutine
from typing import Any, TypeVar

from protocol.tasks import stop

SIGNALS = (signal.SIGINT, signal.SIGTERM)

Result = TypeVar("Result")


class Signalled(Exception):
    """One of `SIGNALS` came before the work was done."""


async def until_signal(work: Coroutine[Any, Any, Result], clean_up: float) -> Result:
    """The result of `work`; it is cancelled by a signal, and given `clean_up` seconds before it is so again.

    Raises `Signalled`, after the work has ended.
    """
    interrupted = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in SIGNALS:
        loop.add_signal_handler(number, interrupted.set)
    running = asyncio.create_task(work)
    waiting = asyncio.create_task(interrupted.wait())
    try:
        await asyncio.wait({running, waiting}, return_when=asyncio.FIRST_COMPLETED)
        if running.done():
            return running.result()
    finally:
        await stop([running, waiting], again=clean_up)
        for number in SIGNALS:
            loop.remove_signal_handler(number)
    raise Signalled
