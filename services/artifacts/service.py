"""The run's artifact service: on the machine that has the run's disk, the one hand between that disk and the store.

The graph asks it before it queues a job (`PutArtifacts`: what the job reads) and before a model is scored
(`GetArtifact`: what a worker has made). On the worker's side the courier does the same the other way round. Started by
the launcher for a run with an artifact store.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from protocol.artifact import ArtifactGot, ArtifactsPut, GetArtifact, PutArtifacts, Ref
from protocol.bus import Bus, Handler
from protocol.envelope import Envelope
from protocol.message import Message
from protocol.service import Service
from services.artifacts.errors import NotAnArtifact
from services.artifacts.store import Store
from services.run_folder import RunFolder

NAME = "artifacts"
Stamp = tuple[tuple[str, int, int], ...]


class ArtifactService:
    """`async with ArtifactService(bus, run, folder, store):` serves one run."""

    def __init__(self, bus: Bus, run: str, folder: RunFolder, store: Store) -> None:
        self._store, self._jobs = store, folder.root / "jobs"
        self._known: dict[str, tuple[Stamp, Ref]] = {}
        self._hands = asyncio.Lock()
        handlers: dict[type[Message], Handler] = {PutArtifacts: self._put, GetArtifact: self._get}
        self._service = Service(bus, NAME, handlers, run, about="carries models and data to and from the store")

    async def __aenter__(self) -> ArtifactService:
        await self._service.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._service.stop()

    async def _put(self, question: Envelope) -> Message:
        request = question.data
        assert isinstance(request, PutArtifacts)
        async with self._hands:
            return ArtifactsPut(refs={path: await asyncio.to_thread(self._kept, path) for path in request.paths})

    def _kept(self, path: str) -> Ref:
        """In the store; a base model of many gigabytes is hashed once, as long as its files are as they were."""
        stamp = _stamp(Path(path))
        known = self._known.get(path)
        if known is None or known[0] != stamp:
            known = self._known[path] = stamp, self._store.put(Path(path))
        return known[1]

    async def _get(self, question: Envelope) -> Message:
        request = question.data
        assert isinstance(request, GetArtifact)
        place = Path(os.path.normpath(request.path))
        if not place.is_relative_to(self._jobs) or place == self._jobs:
            raise NotAnArtifact(f"{request.path} is no place for a job's model: they lie in {self._jobs}")
        if not place.exists():
            async with self._hands:
                await asyncio.to_thread(self._store.copy, request.ref, place)
        return ArtifactGot(path=str(place))


def _stamp(path: Path) -> Stamp:
    """Changes when the files do: names, sizes, times of the last change."""
    files = (found for found in sorted(path.rglob("*")) if found.is_file()) if path.is_dir() else (path,)
    return tuple((str(file), (told := file.stat()).st_size, told.st_mtime_ns) for file in files if file.exists())
