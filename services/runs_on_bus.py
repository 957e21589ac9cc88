"""Runs that are known by their journals on a bus alone: their folders are on another machine.

Used through `services.run_access` by the commands that look at a run or say something to it.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from protocol.errors import BadInput, RunUnknown, without_userinfo
from protocol.subjects import journal_stream
from services.bus_server import Connection

LATEST = "latest"
_PREFIX = journal_stream("")


@dataclass(frozen=True)
class RunOnBus:
    """A run whose journal is on this bus."""

    id: str
    connection: Connection


def given_bus(url: str | None) -> Connection:
    """The bus of `--bus` or of POSTDOCS_BUS_URL, with the token of POSTDOCS_BUS_TOKEN. Raises `BadInput`."""
    url = url or os.environ.get("POSTDOCS_BUS_URL")
    if not url:
        raise BadInput("no bus: give --bus nats://host:4222 or set POSTDOCS_BUS_URL")
    return Connection(url=url, token=os.environ.get("POSTDOCS_BUS_TOKEN") or None)


async def find_on_bus(connection: Connection, name: str) -> RunOnBus:
    """The run of this name, of this beginning of a name, or the `latest`. Raises `RunUnknown`, `BadInput` when several
    begin so, `BusUnavailable`."""
    runs = await _runs(connection)
    alike = [run for run in runs if run == name] or [run for run in runs if name and run.startswith(name)]
    if name == LATEST and runs and not alike:
        alike = runs[-1:]
    if len(alike) > 1:
        raise BadInput(f"{name!r} begins the names of several runs: {', '.join(alike)}; say which")
    if not alike:
        raise RunUnknown(name, f"the journals at {without_userinfo(connection.url)}", runs[-10:])
    return RunOnBus(alike[0], connection)


async def _runs(connection: Connection) -> list[str]:
    """The runs that have a journal on this bus, oldest first."""
    bus = await connection.connect("postdocs-reader")
    try:
        found, offset = [], 0
        while page := await bus.jetstream.streams_info(offset=offset):
            found += page
            offset += len(page)
    finally:
        await bus.close()
    journals = [stream for stream in found if (stream.config.name or "").startswith(_PREFIX)]
    journals.sort(key=lambda stream: str(stream.created))
    return [str(stream.config.name).removeprefix(_PREFIX) for stream in journals]
