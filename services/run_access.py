"""Ways into a run's folder and its journal, for whoever was not there: the command line, the report, the web page.

`own_server` is also the way for a launcher to start the embedded bus of a run: two nats-servers over one store
would spoil the journal, so whoever starts one holds the folder's lock.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from protocol.envelope import Envelope
from protocol.errors import BadInput, BusUnavailable, RunUnknown, without_userinfo
from protocol.journal import Journal
from protocol.ledger import Ledger
from services.bus_server import BusServer, Connection, running_server
from services.run_folder import RunFolder
from services.runs_on_bus import RunOnBus, find_on_bus, given_bus

LATEST = "latest"
STUDIO = ".studio"
"""In the folder of the runs: where LangGraph Studio keeps its bus."""
LOCK_SECONDS = 15.0
"""A reader has the store for as long as it takes to read a journal: seconds at most."""
LAUNCHER_SECONDS = 5.0
"""For a launcher that was just told to stop to be gone."""


def all_runs(runs_dir: Path) -> list[RunFolder]:
    """The runs in a folder, oldest first."""
    if not runs_dir.is_dir():
        return []
    folders = [RunFolder(path) for path in runs_dir.iterdir() if path.is_dir() and not path.name.startswith(".")]
    return sorted((folder for folder in folders if _is_run(folder)), key=lambda folder: (_begun(folder), folder.id))


def find_run(runs_dir: Path, name: str) -> RunFolder:
    """The run of this name, of this beginning of a name, or the `latest`. Raises `RunUnknown`, or `BadInput` when
    several begin so."""
    runs = all_runs(runs_dir)
    exact = [run for run in runs if run.id == name]
    if exact:
        return exact[0]
    if name == LATEST and runs:
        return runs[-1]
    alike = [run for run in runs if name and run.id.startswith(name)]
    if len(alike) == 1:
        return alike[0]
    if alike:
        raise BadInput(f"{name!r} begins the names of several runs: {', '.join(run.id for run in alike)}; say which")
    raise RunUnknown(name, str(runs_dir), [run.id for run in runs][-10:])


async def find_anywhere(runs_dir: Path, name: str, bus: str | None = None) -> RunFolder | RunOnBus:
    """The run of this name: on `bus` where one is given, else in the folder, else on the bus of Studio over that folder
    (a draft that waits for approval is nowhere else), else on that of POSTDOCS_BUS_URL.

    Raises `RunUnknown`, `BadInput` when several begin so, `BusUnavailable`.
    """
    if bus is not None:
        return await find_on_bus(given_bus(bus), name)
    try:
        return find_run(runs_dir, name)
    except RunUnknown:
        studio = running_server(RunFolder(runs_dir / STUDIO).bus)
        if studio is not None:
            return await find_on_bus(studio, name)
        if not os.environ.get("POSTDOCS_BUS_URL"):
            raise
    return await find_on_bus(given_bus(None), name)


def keeps_going(run: RunFolder | RunOnBus) -> bool:
    """Whether more may be said in this run: its own bus is there, or it is on a bus of which that cannot be told."""
    return isinstance(run, RunOnBus) or is_running(run) or external_bus(run) is not None


def _is_run(folder: RunFolder) -> bool:
    return folder.bus.is_dir() or folder.bus_url.is_file() or (folder.root / "brief.json").is_file()


def _begun(folder: RunFolder) -> float:
    for path in (folder.root / "brief.json", folder.task, folder.root):
        try:
            return path.stat().st_mtime
        except OSError:
            continue
    return 0.0


def is_running(folder: RunFolder) -> bool:
    """Whether an embedded bus serves this run now. A run on an external bus cannot be told from outside."""
    return running_server(_keeper(folder).bus) is not None


def _keeper(folder: RunFolder) -> RunFolder:
    """The folder whose bus has the run's journal: its own, or that of Studio, one for all runs that began there."""
    return RunFolder(folder.root.parent / STUDIO) if _on_studios_bus(folder) else folder


def _on_studios_bus(folder: RunFolder) -> bool:
    try:
        return bool(json.loads(folder.studio.read_text()).get("embedded"))
    except (OSError, ValueError, AttributeError):
        return False


def external_bus(folder: RunFolder) -> Connection | None:
    """How to reach the external bus that a run was started on, or None when its bus is embedded.

    Its token is not kept on disk: it comes from `POSTDOCS_BUS_TOKEN`.
    """
    if _on_studios_bus(folder):
        return None
    try:
        known = Connection.model_validate(json.loads(folder.bus_url.read_text()))
        return known.model_copy(update={"token": known.token or os.environ.get("POSTDOCS_BUS_TOKEN") or None})
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise BadInput(f"{folder.bus_url} does not say where the bus is: {error}") from error


@asynccontextmanager
async def only_launcher(folder: RunFolder) -> AsyncIterator[None]:
    """Nobody else launches this run meanwhile: two state machines would do everything twice. Raises `BadInput`.

    On an embedded bus the lock of its store says the same; an external one serves whoever comes.
    """
    descriptor = os.open(folder.root / "launcher.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            await _take(descriptor, folder.root / "launcher.lock", LAUNCHER_SECONDS)
        except StoreTaken as error:
            raise BadInput(f"{folder.id} is running: see it with `postdocs watch {folder.id}`") from error
        yield
    finally:
        os.close(descriptor)  # gives the lock back


class StoreTaken(BusUnavailable):
    """Another process has the store of this run's journal."""

    def __init__(self, lock: Path) -> None:
        super().__init__("(embedded)", f"another process holds {lock}")


@asynccontextmanager
async def own_server(
    folder: RunFolder, announce: bool = True, patience: float = LOCK_SECONDS
) -> AsyncIterator[Connection]:
    """The embedded bus server of a run, alone over its store. Raises `StoreTaken` after `patience` seconds.

    Without `announce` nobody else is told of it: right for a reader, whose server is gone in a moment.
    """
    lock = folder.root / "bus.lock"
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        await _take(descriptor, lock, patience)
        async with BusServer(folder.bus) as server:
            if not announce:
                (folder.bus / "server.json").unlink(missing_ok=True)
            yield server.connection
    finally:
        os.close(descriptor)  # gives the lock back


async def _take(descriptor: int, lock: Path, patience: float) -> None:
    deadline = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError as error:
            if time.monotonic() > deadline:
                raise StoreTaken(lock) from error
        await asyncio.sleep(0.05)


@asynccontextmanager
async def open_journal(folder: RunFolder | RunOnBus) -> AsyncIterator[Journal]:
    """The journal of a run, whether the run goes on or not. Raises `BusUnavailable`, or `RunUnknown` when no journal
    of that run is stored."""
    async with AsyncExitStack() as stack:
        connection = folder.connection if isinstance(folder, RunOnBus) else await _reach(folder, stack)
        bus = await connection.connect("postdocs-reader")
        stack.push_async_callback(bus.close)
        journal = Journal(bus, folder.id)
        if not await journal.exists():
            raise RunUnknown(folder.id, f"the journals at {without_userinfo(connection.url)}", [])
        yield journal


async def _reach(folder: RunFolder, stack: AsyncExitStack) -> Connection:
    """The bus that has this run's journal: the run's own while it runs, an external one, else one for the moment."""
    deadline = time.monotonic() + LOCK_SECONDS
    while True:
        keeper = _keeper(folder)
        elsewhere = running_server(keeper.bus) or external_bus(folder)
        if elsewhere is not None:
            return elsewhere
        if not (keeper.bus / "jetstream").is_dir():
            raise RunUnknown(folder.id, f"the journals under {folder.root.parent}", [])
        try:
            return await stack.enter_async_context(own_server(keeper, announce=False, patience=0.2))
        except StoreTaken:  # by another reader, or by the run itself, which says in a moment where its bus is
            if time.monotonic() > deadline:
                raise


async def read_journal(folder: RunFolder | RunOnBus) -> list[tuple[int, Envelope]]:
    """All that was said in a run so far, with its sequence numbers."""
    async with open_journal(folder) as journal:
        return [item async for item in journal.replay()]


async def read_ledger(folder: RunFolder | RunOnBus) -> Ledger:
    """The ledger as its journal gives it now."""
    return Ledger(envelope for _, envelope in await read_journal(folder))
