"""The desk: answers what Studio's graph asks of the machine that has the runs' folders. Started by `__main__`.

Questions belong to no run (`NO_RUN`), so that no answer is kept: each says how things are now.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import defaultdict
from functools import partial
from pathlib import Path

from protocol.brief import Choices
from protocol.bus import Bus, Handler
from protocol.envelope import Envelope
from protocol.errors import BadInput
from protocol.message import Message
from protocol.runs import RUN_ID
from protocol.service import Service
from protocol.studio import DESK, DraftTask, ForkRun, OpenRun, RunForked, RunOpened, TaskDrafted
from protocol.tasks import stop
from services.bus_server import Connection
from services.drafting import DRAFTS, draft
from services.graph_server import given
from services.new_run import make_run, new_id
from services.run_access import find_run
from services.run_folder import RunFolder
from services.studio.drivers import Drivers
from services.studio.fork import fork
from services.studio.hosts import LINGER_SECONDS, Hosts
from services.studio.mirror import Mirrors
from services.task_file import load_task


class Desk:
    """`async with Desk(…):` serves until it is left; what it has started ends with it."""

    def __init__(
        self,
        bus: Bus,
        connection: Connection,
        runs_dir: Path,
        *,
        worker: str = "auto",
        choices: Choices | None = None,
        linger: float = LINGER_SECONDS,
    ) -> None:
        """`choices`: of every run that is made here."""
        self._bus, self._runs_dir, self._choices = bus, runs_dir.resolve(), choices or Choices()
        self._hosts, self._mirrors = Hosts(bus, connection, worker, linger), Mirrors(bus)
        self._drivers = Drivers()
        handlers: dict[type[Message], Handler] = {DraftTask: self._draft, OpenRun: self._open, ForkRun: self._fork}
        self._service = Service(bus, DESK, handlers, about="starts, shows and forks the runs of Studio's graph")
        self._mark = json.dumps({"embedded": connection.pid is not None})
        self._sweep: asyncio.Task[None] | None = None
        self._forking: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        """Of each fork: a node that was begun again asks for it while it is still being copied."""

    async def __aenter__(self) -> Desk:
        self._runs_dir.mkdir(parents=True, exist_ok=True)
        await self._service.start()
        self._sweep = asyncio.create_task(self._hosts.sweep())
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._service.stop()
        if self._sweep is not None:
            await stop([self._sweep])
        with contextlib.suppress(Exception):  # a copy that could not go on is no reason to keep processes
            await self._mirrors.stop()
        await self._hosts.stop()

    async def _draft(self, question: Envelope) -> Message:
        request = question.data
        assert isinstance(request, DraftTask)
        made = await asyncio.to_thread(draft, request.words, self._runs_dir / DRAFTS)
        folder = "" if made.pasted else str(made.folder)
        return TaskDrafted(run=new_id(made.name), text=made.text, folder=folder, how=made.how)

    async def _open(self, question: Envelope) -> Message:
        request = question.data
        assert isinstance(request, OpenRun)
        folder = self._folder(request.run)
        if request.leaves:
            self._drivers.leave(folder.id, request.thread)
            return RunOpened(run=folder.id)
        if (request.text or request.given) and not folder.brief.exists():
            await self._make(folder, request)
        elif not folder.brief.exists():
            folder = find_run(self._runs_dir, request.run)
        if not folder.studio.exists():
            return RunOpened(run=folder.id, elsewhere=True, live=await self._mirrors.open(folder))
        if folder.ended.exists():
            return RunOpened(run=folder.id, live=False)
        self._drivers.take(folder.id, request.thread)  # before what may take long, and after it
        await self._hosts.keep(folder)
        driver = self._drivers.take(folder.id, request.thread)
        return RunOpened(run=folder.id, live=not folder.ended.exists(), driver=driver)

    async def _make(self, folder: RunFolder, request: OpenRun) -> None:
        """The folder of a new run. Minds that were not chosen with it are those of this desk."""
        handed, beside = request.given, Path(request.folder).resolve()
        own_roles = bool(request.folder)  # a text that was pasted has no folder of its own
        load = partial(load_task, beside / "task.yaml", text=request.text, roles="own" if own_roles else "installed")
        task = None if handed else await asyncio.to_thread(load)
        folder.root.mkdir(parents=True, exist_ok=True)
        folder.studio.write_text(self._mark)
        if handed is not None:
            models = handed.choices.models or self._choices.models
            await given.unpack(self._bus, handed, folder, handed.choices.model_copy(update={"models": models}))
        elif task is not None:
            await make_run(folder, task, request.text, beside, self._choices, own_roles=own_roles)

    async def _fork(self, question: Envelope) -> Message:
        request = question.data
        assert isinstance(request, ForkRun)
        parent = self._folder(request.parent)
        self._folder(request.run)
        async with self._forking[request.run]:
            await fork(self._bus, parent, request, self._mark)
        return RunForked(run=request.run)

    def _folder(self, run: str) -> RunFolder:
        if not RUN_ID.fullmatch(run):
            raise BadInput(f"{run!r} cannot name a run: use small letters, digits and '-'")
        return RunFolder(self._runs_dir / run)
