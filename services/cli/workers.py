"""`postdocs workers`: who runs jobs on a bus; and to pause, resume or drain one of them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated, Any

import typer

from services.cli.options import AsJson

if TYPE_CHECKING:
    from protocol.worker import WorkerState

ORDERS = ("pause", "resume", "drain")


def command(
    order: Annotated[
        str | None, typer.Argument(metavar="[pause|resume|drain]", help="What to tell a worker; without: list them.")
    ] = None,
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="The worker.")] = None,
    bus: Annotated[
        str | None, typer.Option("--bus", metavar="URL", help="The NATS server; without: POSTDOCS_BUS_URL.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List the workers on a bus. `pause NAME`: no new jobs; `resume NAME`; `drain NAME`: no new jobs, then exit."""
    import asyncio

    from services.cli.screen import console, print_json

    _check(order, name)
    states = asyncio.run(_states(bus, order, name))
    if as_json:
        print_json([state.model_dump(mode="json", exclude={"type"}) for state in states])
    elif not states:
        console().print("No worker is on the bus: start one with `postdocs worker --bus URL`.")
    else:
        console().print(_table(states))
        for line in _waiting_in_vain(states):
            console().print(line)


def _check(order: str | None, name: str | None) -> None:
    from protocol.errors import BadInput

    if order is not None and order not in ORDERS:
        raise BadInput(f"{order!r} is nothing to tell a worker: pause, resume or drain")
    if order is not None and name is None:
        raise BadInput(f"{order} which worker? postdocs workers {order} NAME")


async def _states(url: str | None, order: Any, name: str | None) -> list[WorkerState]:
    from services import worker_access
    from services.runs_on_bus import given_bus

    bus = await given_bus(url).connect(f"workers {os.getpid()}")
    try:
        if order is None or name is None:
            return await worker_access.workers(bus)
        return await worker_access.order(bus, name, order)
    finally:
        await bus.close()


def _table(states: list[WorkerState]) -> Any:
    from rich.table import Table

    table = Table("worker", "host", "device", "queue", "is", "sandbox", "jobs", box=None, pad_edge=False)
    for state in states:
        jobs = ", ".join(f"{job.run}/{job.experiment}" for job in state.jobs)
        room = f"{len(state.jobs)}/{state.slots}" if state.slots else str(len(state.jobs))
        sandbox = "yes" if state.sandboxed else "NO"
        table.add_row(
            state.name, state.host, state.device, state.queue, state.condition, sandbox, f"{room} {jobs}".strip()
        )
    return table


def _waiting_in_vain(states: list[WorkerState]) -> list[str]:
    """What waits in a queue that none of its workers can run."""
    lines = []
    for queue in dict.fromkeys(state.queue for state in states):
        views = [{(one.run, one.needs): one for one in state.unserved} for state in states if state.queue == queue]
        for key, one in sorted(views[0].items()):
            if all(key in view for view in views):
                told = f"{one.waiting} jobs of {one.run} wait in queue {queue} for {one.needs}"
                lines.append(f"{told}, which no worker here has")
    return lines
