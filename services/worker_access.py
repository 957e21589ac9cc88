"""Finds the workers on a bus, and gives them orders. Used by `postdocs workers`."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing
from typing import Any

from protocol.bus import Bus
from protocol.envelope import NO_RUN, wrap
from protocol.errors import BadInput, NoAnswer
from protocol.message import message_id
from protocol.worker import Order, WorkerOrder, WorkerState

PING_SECONDS = 1.0
"""How long answers are gathered: nobody knows how many workers there are."""
ANSWER_SECONDS = 5.0


class WorkerUnknown(BadInput):
    """No worker of this name."""

    def __init__(self, name: str, known: Iterable[str]) -> None:
        self.name = name
        there = ", ".join(sorted(set(known)))
        super().__init__(f"no worker {name!r} on the bus ({f'there are: {there}' if there else 'there is none'})")


async def workers(bus: Bus) -> list[WorkerState]:
    """All that answer, by name."""
    found = await asyncio.gather(*(_order(bus, id, "tell") for id in await _found(bus)))
    return sorted((state for state in found if state is not None), key=lambda state: state.name)


async def order(bus: Bus, name: str, what: Order) -> list[WorkerState]:
    """Tell the worker of this name, or all of this name; how they are after that.

    Raises `WorkerUnknown`, and `NoAnswer` when it is there but does not answer.
    """
    found = await _found(bus)
    told = [id for id, its in found.items() if its == name]
    if not told:
        raise WorkerUnknown(name, found.values())
    states = await asyncio.gather(*(_order(bus, id, what) for id in told))
    if None in states:
        raise NoAnswer(f"worker {name}", what, ANSWER_SECONDS, "it is gone, or stuck")
    return [state for state in states if state is not None]


async def pinged(bus: Bus, seconds: float) -> AsyncGenerator[dict[str, Any]]:
    """What workers say of themselves (`id`, `metadata`), as they answer, for so long; at once when there is none."""
    inbox = bus.client.new_inbox()
    answers = await bus.client.subscribe(inbox)
    await bus.client.publish("$SRV.PING.worker", b"", reply=inbox)
    deadline = time.monotonic() + seconds
    try:
        while (left := deadline - time.monotonic()) > 0:
            msg = await answers.next_msg(timeout=left)
            if not msg.data:  # nobody listens
                return
            yield json.loads(msg.data)
    except TimeoutError:
        return
    finally:
        await answers.unsubscribe()


async def _found(bus: Bus) -> dict[str, str]:
    """Service id → name."""
    names: dict[str, str] = {}
    async with aclosing(pinged(bus, PING_SECONDS)) as answers:
        async for about in answers:
            names[about["id"]] = about["metadata"]["name"]
    return names


async def _order(bus: Bus, id: str, what: Order) -> WorkerState | None:
    """None when it does not answer."""
    said = message_id(id, what, time.time_ns())  # the same order twice is two orders
    question = wrap(WorkerOrder(order=what), run=NO_RUN, sender="user", recipient=f"worker.{id}", id=said)
    try:
        answer = await bus.ask(question, WorkerState, timeout=ANSWER_SECONDS, silence=ANSWER_SECONDS)
    except NoAnswer:
        return None
    assert isinstance(answer.data, WorkerState)
    return answer.data
