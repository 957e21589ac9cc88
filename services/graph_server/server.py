"""Takes runs over the bus, keeps each one's process going, and tells which there are. Run by `__main__`."""

from __future__ import annotations

import asyncio
import fcntl
import logging
import os
from pathlib import Path
from typing import Literal

from protocol.bus import Bus, Handler
from protocol.envelope import Envelope
from protocol.errors import BadInput, PostdocsError
from protocol.journal import Journal
from protocol.message import Message
from protocol.runs import RUN_ID, ListRuns, RunAccepted, RunList, RunRow, StartRun
from protocol.service import Service
from protocol.tasks import stop
from services.bus_server import Connection
from services.children import Children, ServiceDied, ServiceRefused, last_line
from services.graph_server import given
from services.graph_server.served import Served, read_served, write_served
from services.run_access import all_runs
from services.run_folder import RunFolder
from services.run_summary import summary

log = logging.getLogger(__name__)
NAME = "graph_server"
STOP_AGAIN_SECONDS = 4.0
"""Stopping a run's processes takes two seconds at most; only then is a cancellation that was lost repeated."""
AWAY_SECONDS = 2.0
"""Between two looks whether the bus is there again."""


class GraphServer:
    """`async with GraphServer(…):` serves, and resumes what had not ended, until it is left."""

    def __init__(
        self,
        bus: Bus,
        connection: Connection,
        runs_dir: Path,
        *,
        worker: Literal["auto", "none"] = "auto",
        crew: Literal["local", "none"] = "local",
        artifacts: str | None = None,
    ) -> None:
        """`artifacts`: URL of the store for runs whose workers do not see this disk."""
        self.bus, self.connection, self.runs_dir, self._artifacts = bus, connection, runs_dir.resolve(), artifacts
        self._argv = ("-m", "services.graph_server.one_run", "--worker", worker, "--crew", crew)
        handlers: dict[type[Message], Handler] = {StartRun: self._start, ListRuns: self._list}
        self._service = Service(bus, NAME, handlers, about="starts runs and keeps them going")
        self._running: dict[str, asyncio.Task[None]] = {}
        self._lock = -1

    async def __aenter__(self) -> GraphServer:
        self._lock = _locked(self.runs_dir / ".graph_server.lock")
        for folder in all_runs(self.runs_dir):
            served = read_served(folder)
            if served is not None and served.failed is None and not folder.ended.exists():
                log.info("resuming %s", folder.id)
                self._keep(folder)
        await self._service.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._service.stop()
        await stop(self._running.values(), again=STOP_AGAIN_SECONDS)
        os.close(self._lock)

    async def _start(self, question: Envelope) -> Message:
        """Make the run's folder and journal, and start its process; does nothing where it is there already."""
        request = question.data
        assert isinstance(request, StartRun)
        if not RUN_ID.fullmatch(question.run):
            raise BadInput(f"{question.run!r} cannot name a run: use small letters, digits and '-'")
        folder = RunFolder(self.runs_dir / question.run)
        await Journal(self.bus, folder.id).create()
        if not folder.brief.exists():
            write_served(folder, Served())
            kept = request.choices.artifacts or self._artifacts
            await given.unpack(self.bus, request, folder, request.choices.model_copy(update={"artifacts": kept}))
        self._keep(folder)
        return RunAccepted(folder=str(folder.root))

    async def _list(self, question: Envelope) -> Message:
        rows = await asyncio.to_thread(lambda: [self._row(folder) for folder in all_runs(self.runs_dir)])
        return RunList(runs=tuple(rows))

    def _row(self, folder: RunFolder) -> RunRow:
        row = RunRow.model_validate(summary(folder))
        served = read_served(folder)
        failed = served.failed if served else None
        if folder.ended.exists() or not (failed or folder.id in self._running):
            return row
        return row.model_copy(update={"state": f"failed: {failed}" if failed else "running"})

    def _keep(self, folder: RunFolder) -> None:
        if folder.id not in self._running and not folder.ended.exists():
            task = asyncio.create_task(self._see_through(folder))
            self._running[folder.id] = task
            task.add_done_callback(lambda _: self._running.pop(folder.id, None))

    async def _see_through(self, folder: RunFolder) -> None:
        """Keep the run's process going until it has ended, or is given up."""
        argv = (*self._argv, "--runs-dir", str(self.runs_dir), "--run", folder.id)
        while True:
            children, losses = Children(self.connection, folder.logs), self._losses()
            try:
                await children.finish("graph", *argv, ends=(0,))
                return
            except ServiceRefused:  # it cannot be mended by trying again
                failed = last_line(folder.logs / "graph.log")
                break
            except ServiceDied as error:
                failed = str(error)
                if self._losses() == losses:  # the bus was there all the time: it is not that
                    break
            finally:
                await children.stop()
            while not self.bus.client.is_connected:  # noqa: ASYNC110 (the client has no event for it)
                await asyncio.sleep(AWAY_SECONDS)
        write_served(folder, Served(failed=failed))
        log.error("%s is given up: %s", folder.id, failed)

    def _losses(self) -> tuple[int, bool]:
        """Grows with every loss of the bus, the present one too."""
        return self.bus.client.stats["reconnects"], self.bus.client.is_connected


class AnotherServer(PostdocsError):
    """Two graph servers over one folder would start each run twice."""


def _locked(path: Path) -> int:
    """A descriptor that holds the lock until it is closed; the folder is made. Raises `AnotherServer`, `BadInput`."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise BadInput(f"{path.parent} cannot be written ({error.strerror}): give another --runs-dir") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(descriptor)
        raise AnotherServer(f"another graph server keeps {path.parent}: stop it, or give another --runs-dir") from error
    return descriptor
