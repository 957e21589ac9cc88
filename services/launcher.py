"""Launches a run: bus, scorer, crew and worker in one process tree, the state machine in this process.

Called by `postdocs run` and `postdocs resume`. Whatever of it dies, the run can be resumed: all that was said is in
the journal, the jobs in the queue, the cursor in the checkpoint.
"""

from __future__ import annotations

import asyncio
import os
import shlex
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from pathlib import Path
from typing import Literal

from langchain_core.runnables import RunnableConfig

from graph import crew
from graph.checkpoints import open_checkpoints
from graph.clock import Clock
from graph.context import CrewContext
from graph.state import CrewState
from protocol import queue
from protocol.brief import Brief, Choices, Compute, Task, Track
from protocol.bus import Bus
from protocol.control import RunEnded, RunStarted
from protocol.envelope import Envelope, wrap
from protocol.errors import BadInput, PostdocsError
from protocol.journal import Journal
from protocol.ledger import Ledger
from protocol.message import Part, message_id
from protocol.tasks import stop
from services.bus_server import Connection, write_private
from services.casting import served_here
from services.children import Children
from services.executor.backends import select
from services.executor.inventory.nvml import read_machine
from services.executor.sandbox import check
from services.home import require_home
from services.interruption import Signalled, until_signal
from services.new_run import make_run, new_id
from services.projection import Projection
from services.report.write import write_report
from services.run_access import external_bus, find_run, only_launcher, own_server
from services.run_folder import RunFolder
from services.worker_access import pinged

Listener = Callable[[int, Envelope, Ledger], None]
NO_LIMIT = 10**9
"""LangGraph's limit on supersteps; the budget is ours."""
WORKER_PING_SECONDS = 1.0
WATCH_SECONDS = 5.0
TRACKER = "tracker"
TRACKER_SECONDS = 10.0
"""For a tracker to write the last figures when the run has ended; half a second will do, but for a service online."""
CLEAN_UP_SECONDS = 4.0
"""Stopping the processes takes two at most; only then is a cancellation that was lost repeated."""


class Options(Part):
    """What `run` and `resume` ask for."""

    task: Task | None = None
    """None when a run is resumed."""
    task_path: Path | None = None
    budget: float | None = None
    """Seconds, instead of the task's."""
    data: Path | None = None
    bus: str | None = None
    runs_dir: Path = Path("runs")
    run: str | None = None
    """The run to resume."""
    worker: Literal["auto", "local", "none"] = "auto"
    crew: Literal["local", "none"] = "local"
    """`none`: the roles are on the bus already, for all runs."""
    machine: Literal["here", "none"] = "here"
    """`none`: the state machine runs in LangGraph's server, and only its surroundings here."""
    sandbox: bool = True
    """False: the worker that is started here runs jobs without."""
    seed: int = 0
    models: tuple[str, ...] = ()
    """`role=provider/model`, as a brief keeps it; of a resumed run: in place of what it began with."""
    require_llm: bool = False
    track: Track = "trackio"
    """Of a new run; a resumed one goes on as it began."""
    artifacts: str | None = None
    """As `track`: URL of the artifact store, where workers do not see this disk."""


class Interrupted(PostdocsError):
    """Ctrl-C or SIGTERM: what is in `final_model/` stays, and the run can be resumed."""

    exit_code = 130

    def __init__(self, run: str, runs_dir: Path, shipped: bool) -> None:
        self.run = run
        kept = "the best so far is in final_model/" if shipped else "no model was banked yet"
        super().__init__(
            f"interrupted; {kept}. Go on with: postdocs resume {run} --runs-dir {shlex.quote(str(runs_dir))}"
        )


async def launch(options: Options, on_envelope: Listener) -> RunEnded:
    """Start or resume a run and see it to its end.

    Raises `BadInput` for what the user can mend, `Interrupted` on Ctrl-C, and other `PostdocsError`s when a service
    fails.
    """
    require_home()
    folder, brief = await _open(options)
    try:
        return await until_signal(_run(options, folder, brief, on_envelope), CLEAN_UP_SECONDS)
    except Signalled:
        raise Interrupted(folder.id, options.runs_dir, folder.final_model.exists()) from None


async def _run(options: Options, folder: RunFolder, brief: Brief, on_envelope: Listener) -> RunEnded:
    """Bus, processes and state machine; all of them are stopped however this ends."""
    begun = time.time()
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(only_launcher(folder))
        connection = await stack.enter_async_context(_bus(folder, options))
        bus = await connection.connect(f"launcher {folder.id}")
        stack.push_async_callback(bus.close)
        await _begin(bus, folder, brief, begun)
        children = Children(connection, folder.logs)
        stack.push_async_callback(children.stop)
        await _start(children, bus, folder, brief, options)
        return await _until_the_end(bus, folder, brief, children, options, on_envelope)


async def _open(options: Options) -> tuple[RunFolder, Brief]:
    """The run's folder and brief: new, or as they were."""
    if options.run is not None:
        folder = find_run(options.runs_dir, options.run)
        brief = Brief.model_validate_json(folder.brief.read_text())
        if folder.ended.exists():
            raise BadInput(f"{folder.id} has ended: see postdocs report {folder.id}")
        return folder, brief
    if options.task is None or options.task_path is None:
        raise BadInput("there is neither a task to run nor a run to resume")
    task, path = options.task.within(options.budget), options.task_path.resolve()
    folder = RunFolder(options.runs_dir / new_id(task.name))
    choices = Choices.model_validate(options.model_dump(include=set(Choices.model_fields)))
    brief = await make_run(folder, task, path.read_text(), path.parent, choices, options.data)
    return folder, brief


@asynccontextmanager
async def _bus(folder: RunFolder, options: Options) -> AsyncIterator[Connection]:
    """The bus: the one given, the one the run was started on, or an embedded one."""
    if options.bus is not None:
        connection = Connection(url=options.bus, token=os.environ.get("POSTDOCS_BUS_TOKEN") or None)
        write_private(folder.bus_url, Connection(url=options.bus).model_dump_json())  # the URL may hold a password
        yield connection
        return
    known = external_bus(folder)
    if known is not None:
        yield known.model_copy(update={"token": os.environ.get("POSTDOCS_BUS_TOKEN") or None})
        return
    async with own_server(folder) as connection:
        yield connection


async def _begin(bus: Bus, folder: RunFolder, brief: Brief, begun: float) -> None:
    """Make the journal and the queue, and say that the clock runs."""
    journal = Journal(bus, folder.id)
    await journal.create()
    await queue.ensure_queue(bus)
    await journal.append(wrap(brief, run=folder.id, sender="user", id=message_id(folder.id, "brief")))
    session = 0
    while await journal.find(message_id(folder.id, "session", session)) is not None:
        session += 1
    started = RunStarted(session=session, at=begun, pid=os.getpid(), host=socket.gethostname())
    id = message_id(folder.id, "session", session)
    await journal.append(wrap(started, run=folder.id, sender="launcher", id=id))


async def _start(children: Children, bus: Bus, folder: RunFolder, brief: Brief, options: Options) -> None:
    """Scorer and crew for this run; a worker where none is on the bus yet."""
    compute, worker = brief.task.compute, options.worker
    if worker == "local" or (worker == "auto" and not await _worker_there(bus, compute)):
        # first: it takes longest to get ready
        here = select.fits_here(compute, read_machine()), select.configured(), select.may_rent()
        backend = select.choose(compute.backend, *here)
        argv = ("--queue", compute.queue, "--owner", folder.id, "--backend", backend)
        if options.sandbox and backend == "local":
            await asyncio.to_thread(check.require)
        unconfined = () if options.sandbox else ("--no-sandbox",)
        # one that was told to drain is not wanted any more: another may take its place, or its jobs wait
        await children.start("worker", "-m", "services.executor", *argv, *unconfined, ends=(0,))
    await children.start("scorer", "-m", "services.scorer", "--run", folder.id, "--folder", str(folder.root))
    if options.crew == "local":
        told = (f"--model={one}" for one in (options.models if options.run is not None else ()))
        await children.start("crew", "-m", "services.crew", "--run", folder.id, *told, *served_here(brief.crew))
    if brief.artifacts is not None:
        argv = ("--run", folder.id, "--folder", str(folder.root), "--store", brief.artifacts)
        await children.start("artifacts", "-m", "services.artifacts", *argv)
    if brief.track != "none":
        argv = ("--run", folder.id, "--to", brief.track, "--folder", str(folder.tracking))
        await children.accompany(TRACKER, "-m", "services.tracking", *argv)


async def _worker_there(bus: Bus, wanted: Compute) -> bool:
    """Whether a worker for such jobs answers on the bus that is not another run's own, and stopped with it."""
    async with aclosing(pinged(bus, WORKER_PING_SECONDS)) as answers:
        async for answer in answers:
            about = answer.get("metadata") or {}
            runs = wanted.backend in ("auto", about.get("backend"))
            if runs and about.get("queue") == wanted.queue and "owner" not in about:
                return True
    return False


async def _until_the_end(
    bus: Bus, folder: RunFolder, brief: Brief, children: Children, options: Options, on_envelope: Listener
) -> RunEnded:
    projection = Projection(folder)

    def listen(sequence: int, envelope: Envelope, ledger: Ledger) -> None:
        projection.on_envelope(sequence, envelope, ledger)
        on_envelope(sequence, envelope, ledger)

    async with (
        open_checkpoints(folder.checkpoints) as checkpointer,
        CrewContext(bus, folder.id, Clock(options.budget or brief.task.budget.time), listen) as context,
    ):
        work = _drive(crew.build(checkpointer, brief.crew), context) if options.machine == "here" else _ended(context)
        machine = asyncio.create_task(work)
        trouble = asyncio.create_task(children.failed())
        try:
            await asyncio.wait({machine, trouble}, return_when=asyncio.FIRST_COMPLETED)
            if not machine.done():
                trouble.result()
            machine.result()
        finally:
            await stop([machine, trouble])
            projection.finish(context.ledger)
        write_report(context.ledger, folder)
        await children.ended(TRACKER, TRACKER_SECONDS)
        assert context.ledger.ended is not None, "the graph ends with RunEnded"
        return context.ledger.ended


async def _drive(machine: crew.Machine, context: CrewContext) -> None:
    """Run the state machine from its last checkpoint, or from the start."""
    if context.ledger.ended is not None:  # the session before died between the last message and the files
        return
    config = RunnableConfig(configurable={"thread_id": context.run}, recursion_limit=NO_LIMIT)
    before = await machine.aget_state(config)
    await machine.ainvoke(None if before.next else CrewState(run=context.run), config, context=context)


async def _ended(context: CrewContext) -> None:
    """Wait for the run's end, which somebody else brings about."""
    while context.ledger.ended is None:
        await context.changed(WATCH_SECONDS)
