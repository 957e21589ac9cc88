"""Answers on the bus whether a job is fit to be queued, and what the installed libraries take. Started by the worker.

A worker that belongs to a run answers for that run; another for all.
"""

from __future__ import annotations

import asyncio
import re
import tempfile
import time
from collections import defaultdict
from pathlib import Path

from pydantic import ValidationError

from protocol.bus import Bus, Handler
from protocol.envelope import Envelope
from protocol.errors import PostdocsError
from protocol.job import Job, JobSpec
from protocol.message import Message, message_id
from protocol.preflight import (
    Flaw,
    LibrarySource,
    LibrarySourceRequest,
    Preflight,
    PreflightRequest,
    Signature,
    SignatureRequest,
)
from protocol.service import Service
from services.executor.backends.backend import Backend, JobRefused
from services.executor.files.folder import BadJobFolder
from services.executor.preflight import signature, source
from services.executor.preflight.inside import FLAWS, LOOK, MOST_CHARACTERS, Found, Look
from services.executor.preflight.small import STEPS
from services.executor.preflight.smoke import smoke
from services.executor.preflight.trial import Ended, carry_out, on_the_cpu, read, remove

NAME = "preflight"
AT_ONCE = 2
"""Trials of one worker: each takes a CPU and a model's memory."""
ENTRY = "preflight_entry.py"
_PLAIN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_DOTTED = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")
_LOOK_SECONDS = 30.0


class Preflights:
    """The service of one worker."""

    def __init__(self, bus: Bus, backend: Backend, owner: str | None = None, *, shared: bool = True) -> None:
        """`backend`: the local one, which the worker opens; not `shared`, it is opened here when it is first needed."""
        self._backend, self._opened = backend, shared
        self._own = not shared
        self._room, self._opening = asyncio.Semaphore(AT_ONCE), asyncio.Lock()
        self._alone: defaultdict[Path, asyncio.Lock] = defaultdict(asyncio.Lock)
        """By folder: a crew that was started again may ask anew while its last trial still runs."""
        self._signatures: dict[str, Signature] = {}
        handlers: dict[type[Message], Handler] = {
            PreflightRequest: self._check,
            SignatureRequest: self._signature,
            LibrarySourceRequest: self._source,
        }
        self._service = Service(bus, NAME, handlers, run=owner, about="tries jobs before they are queued")

    async def start(self) -> None:
        await self._service.start()

    async def stop(self) -> None:
        """End what is under way, too."""
        await self._service.stop()
        if self._own and self._opened:
            await self._backend.close()

    async def _check(self, question: Envelope) -> Message:
        request = question.data
        assert isinstance(request, PreflightRequest)
        begun = time.monotonic()
        answer = await self._tried(question.run, request)
        return answer.model_copy(update={"seconds": round(time.monotonic() - begun, 3)})

    async def _tried(self, run: str, request: PreflightRequest) -> Preflight:
        """What is wrong with it, and the steps that it made. Raises `BackendFailed`."""
        spec, name = request.spec, request.experiment
        if not _PLAIN.fullmatch(name) or not Path(request.folder).is_absolute() or not spec.argv:
            told = "it names no experiment, no script, or no folder by its whole path"
            return Preflight(experiment=name, flaws=(Flaw(stage="parse", told=told),))
        folder = Path(request.folder, NAME, name)
        look = Look(argv=spec.argv, files=tuple(spec.files))
        job = _job(run, name, folder, on_the_cpu(spec), "inside", {LOOK: look.model_dump_json()})
        async with self._alone[folder], self._room:
            try:
                ended = await carry_out(await self.ready(), job, STEPS)
            except (BadJobFolder, JobRefused) as error:
                flaw = Flaw(stage="smoke", told=f"it could not be started: {error}")
                return Preflight(experiment=name, flaws=(flaw,))
            found = _found(folder, ended, spec.argv[0])
            if not found.flaws:
                await remove(folder)
            return Preflight(experiment=name, flaws=found.flaws, steps=ended.steps, shrunken=found.shrunken)

    async def _signature(self, question: Envelope) -> Message:
        request = question.data
        assert isinstance(request, SignatureRequest)
        name = request.name.strip()
        if not _DOTTED.fullmatch(name):
            return Signature(name=name, text=f"{name!r} is no dotted name, as trl.SFTConfig is", found=False)
        if name not in self._signatures:
            answer, said = await self._look(question.run, name, "signature", name, signature.ANSWER)
            try:
                self._signatures[name] = Signature.model_validate_json(answer)
            except ValidationError:
                return Signature(name=name, text=f"no signature of {name}: {said}", found=False)
        return self._signatures[name]

    async def _source(self, question: Envelope) -> Message:
        request = question.data
        assert isinstance(request, LibrarySourceRequest)
        told = request.model_dump_json()
        answer, said = await self._look(question.run, message_id(told), "source", told, source.ANSWER)
        try:
            return LibrarySource.model_validate_json(answer)
        except ValidationError:
            return LibrarySource(text=f"the sources of {request.library} could not be read: {said}", found=False)

    async def _look(self, run: str, name: str, module: str, argument: str, answer: str) -> tuple[bytes, str]:
        """What a module of ours leaves that looks at the libraries in a sandbox, and what it printed last."""
        with tempfile.TemporaryDirectory(prefix="postdocs-look-", ignore_cleanup_errors=True) as home:
            folder = Path(home, "look")
            spec = JobSpec(files={}, argv=(argument,), seconds=_LOOK_SECONDS)
            try:
                async with self._room:
                    ended = await carry_out(await self.ready(), _job(run, name, folder, spec, module, {}))
            except (BadJobFolder, JobRefused) as error:
                raise PostdocsError(f"no look at {argument[:100]}: {error}") from error
            return read(folder, answer) or b"", ended.printed[-1] if ended.printed else "it said nothing"

    async def ready(self) -> Backend:
        """The backend, open."""
        async with self._opening:
            if not self._opened:
                await self._backend.open()
                self._opened = True
        return self._backend


def _job(run: str, name: str, folder: Path, spec: JobSpec, module: str, files: dict[str, str]) -> Job:
    """What is to be run there: a module of ours, which runs the script."""
    entry = f"from services.executor.preflight.{module} import main\n\nmain()\n"
    told = spec.model_copy(
        update={
            "files": {**spec.files, **files, ENTRY: entry},
            "argv": (ENTRY, *(() if module == "inside" else spec.argv)),
        }
    )
    return Job(id=f"{run}-{NAME}-{name}", run=run, experiment=name, folder=str(folder), spec=told)


def _found(folder: Path, ended: Ended, script: str) -> Found:
    """What the checks have found; else what is wrong with the run, if anything is."""
    try:
        found = Found.model_validate_json(read(folder, FLAWS) or b"")
    except ValidationError:  # it did not get so far
        found = Found(flaws=())
    if found.flaws:
        return found
    flaw = smoke(ended.end, ended.printed, script)
    return Found(flaws=(flaw,) if flaw is not None else (), shrunken=found.shrunken[:MOST_CHARACTERS])
