"""Answers on the bus with the rows that a script writes. Started by the worker, beside the preflights.

The script is a stranger: it runs as jobs do, in a sandbox that shows it neither the run nor the task, with one CPU,
no network, and little memory, time and room. Where there are no sandboxes it does not run.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path

from protocol.bus import Bus, Handler
from protocol.envelope import Envelope
from protocol.generation import FOLDER, Generated, GenerateRequest
from protocol.job import Job, JobFailed, JobSpec, Needs
from protocol.message import Message, message_id
from protocol.service import Service
from services.executor.backends.backend import Backend, JobRefused
from services.executor.files.folder import BadJobFolder
from services.executor.files.untrusted import NotPlain, open_plain
from services.executor.generation.inside import OUTPUT, ROWS, SCRIPT
from services.executor.preflight.trial import Ended, carry_out

NAME = "generation"
AT_ONCE = 1
ENTRY = "generation_entry.py"
MOST_BYTES = 16_000_000
"""Of rows: a thousand characters each, for as many as may be kept."""
MEMORY_GB = 2.0
PRINTED_LINES, LINE_CHARACTERS = 15, 300
_ENTRY_TEXT = "from services.executor.generation.inside import main\n\nmain()\n"


class Generations:
    """The service of one worker."""

    def __init__(self, bus: Bus, ready: Callable[[], Awaitable[Backend]], owner: str | None = None) -> None:
        """`ready`: the local backend, open."""
        self._ready, self._room = ready, asyncio.Semaphore(AT_ONCE)
        handlers: dict[type[Message], Handler] = {GenerateRequest: self._generate}
        self._service = Service(bus, NAME, handlers, run=owner, about="runs scripts that write training rows")

    async def start(self) -> None:
        await self._service.start()

    async def stop(self) -> None:
        """End what is under way, too."""
        await self._service.stop()

    async def _generate(self, question: Envelope) -> Message:
        request = question.data
        assert isinstance(request, GenerateRequest)
        if not Path(request.folder).is_absolute():
            return Generated(name=request.name, error="the run's folder is not named by its whole path")
        async with self._room:
            backend = await self._ready()
            if not backend.sandboxed:
                why = "this worker has no sandbox (--no-sandbox), and a generator runs in no other place"
                return Generated(name=request.name, error=why)
            with tempfile.TemporaryDirectory(prefix="postdocs-generation-", ignore_cleanup_errors=True) as home:
                return await _run(backend, question.run, request, Path(home, request.name))


async def _run(backend: Backend, run: str, request: GenerateRequest, folder: Path) -> Generated:
    """Raises `BackendFailed`."""
    try:
        ended = await carry_out(backend, _job(run, request, folder), seconds=request.seconds)
    except (BadJobFolder, JobRefused) as error:
        return Generated(name=request.name, error=f"it could not be started: {error}")
    told = Generated(
        name=request.name,
        seconds=round(ended.end.seconds, 3),
        printed=tuple(line[:LINE_CHARACTERS] for line in list(ended.printed)[-PRINTED_LINES:]),
    )
    try:
        rows = await asyncio.to_thread(_taken, folder)
    except OSError as error:
        rows, why = b"", f"what it left cannot be read: {error}"
    else:
        why = _fault(ended, rows)
    if why:
        return told.model_copy(update={"error": why})
    sha256 = hashlib.sha256(rows).hexdigest()
    path = Path(request.folder, FOLDER, f"{request.name}-{message_id(request.model_dump_json())[:12]}.jsonl")
    await asyncio.to_thread(_keep, path, rows)
    return told.model_copy(update={"path": str(path), "sha256": sha256, "bytes": len(rows)})


def _job(run: str, request: GenerateRequest, folder: Path) -> Job:
    spec = JobSpec(
        files={SCRIPT: request.script, ENTRY: _ENTRY_TEXT},
        argv=(ENTRY, "--seed", str(request.seed), *request.args),
        seconds=request.seconds,
        needs=Needs(memory_gb=MEMORY_GB, disk_gb=2 * MOST_BYTES / 1e9),
    )
    return Job(id=f"{run}-{NAME}-{request.name}", run=run, experiment=request.name, folder=str(folder), spec=spec)


def _fault(ended: Ended, rows: bytes) -> str:
    """Why nothing is kept of it; empty where it has ended well. A job that leaves no model has failed, a generator has
    not."""
    end = ended.end
    if len(rows) > MOST_BYTES:
        return f"it wrote more than {MOST_BYTES / 1e6:.0f} MB: write fewer rows"
    if isinstance(end, JobFailed) and end.exit_code != 0:
        return f"it failed: {end.reason}"
    return "" if rows.strip() else "it wrote no row, neither on its standard output nor into rows.jsonl"


def _taken(folder: Path) -> bytes:
    """What it wrote, at most a byte more than is allowed. Raises `OSError` for what is no plain file."""
    for name in (ROWS, OUTPUT):
        try:
            descriptor = open_plain(folder / name)
        except NotPlain:
            raise
        except FileNotFoundError:
            continue
        with os.fdopen(descriptor, "rb") as file:
            data = file.read(MOST_BYTES + 1)
        if data.strip():
            return data
    return b""


def _keep(path: Path, rows: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    partial.write_bytes(rows)
    partial.replace(path)
