"""The worker's side of the artifact store: jobs that come without a disk in common with their run.

What a job reads is brought into this machine's cache, and the job is told of it there: its configuration and its
`reads` name the cached paths, its folder is one of this machine's. Its newest checkpoint goes to the store as it is
written, so that another machine can go on from it, and its model when it has ended. Used by the worker's attempts.
"""

from __future__ import annotations

import asyncio
import logging
import re
import shutil
import time
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

from protocol.artifact import Ref
from protocol.errors import PostdocsError
from protocol.job import Cause, Job, JobCancelled, JobEnd, JobFailed, JobFinished
from protocol.tasks import stop
from services.artifacts.errors import ArtifactMissing, StoreUnusable
from services.artifacts.store import Store
from services.executor.backends.backend import BackendFailed, JobRefused
from services.executor.files.folder import JobFolder
from services.executor.files.untrusted import copy_plain

log = logging.getLogger(__name__)
TRIES, PAUSE = 3, 5.0
"""A model that took hours is not given up at the store's first refusal. Seconds in between."""
_CHECKPOINTS = "checkpoint-*"
"""What lies beside the model in its folder, and is no part of it."""
_SAFE = re.compile(r"[^A-Za-z0-9._-]")


class Courier:
    """Carries one machine's jobs to and fro."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._uploads: dict[str, asyncio.Task[None]] = {}

    async def fetch(self, job: Job) -> Job:
        """The job as it can run here; as it is where its run has no store.

        Raises `BackendFailed` when the store does not answer, `JobRefused` when what the job reads is not in it.
        """
        if job.inputs is None:
            return job
        try:
            return await asyncio.to_thread(self._fetch, job, job.inputs)
        except (ArtifactMissing, StoreUnusable) as error:
            raise JobRefused(str(error), Cause(category="missing_file", evidence=(str(error),))) from error
        except (PostdocsError, OSError) as error:
            raise BackendFailed(f"what job {job.id} reads cannot be had: {error}") from error

    def _fetch(self, job: Job, inputs: dict[str, Ref]) -> Job:
        here = {path: str(self._store.get(ref)) for path, ref in inputs.items()}
        folder = self._store.cache / "jobs" / _SAFE.sub("_", job.id)
        spec = job.spec.model_copy(
            update={
                "files": {name: _renamed(text, here) for name, text in job.spec.files.items()},
                "argv": tuple(_renamed(part, here) for part in job.spec.argv),
                "reads": tuple(here.get(path, path) for path in job.spec.reads),
            }
        )
        moved = job.model_copy(update={"folder": str(folder), "spec": spec})
        self._restore(moved)
        return moved

    def _restore(self, job: Job) -> None:
        """The newest checkpoint that another machine has sent, unless what is whole here is as new: this machine may
        have had the job before that one, and have got it back."""
        folder = JobFolder(job)
        folder.set_torn_checkpoints_aside()
        found = self._store.pointed(_checkpoint_of(job))
        if found is None:
            return
        name, ref = found
        place = folder.place_of_newer(name)
        if place is not None:
            self._store.copy(ref, place)
            folder.note_whole(place)
            log.info("job %s goes on from %s, which another machine has left", job.id, name)

    def checkpoint(self, job: Job, path: Path) -> None:
        """Send it off, in the background; while an older one is on its way, this one is left out."""
        if job.inputs is None:
            return
        before = self._uploads.get(job.id)
        if before is None or before.done():
            self._uploads[job.id] = asyncio.create_task(self._send_checkpoint(job, path))

    async def _send_checkpoint(self, job: Job, path: Path) -> None:
        begun = time.monotonic()
        try:
            name = JobFolder(job).inside(path).as_posix()
            ref = await asyncio.to_thread(self._put_checkpoint, job, name)
            await asyncio.to_thread(self._store.point, _checkpoint_of(job), name, ref)
        except (PostdocsError, OSError, ValueError) as error:  # it was replaced meanwhile, or the store is away
            log.warning("job %s: a checkpoint stays on this machine (%s)", job.id, error)
            return
        log.info("job %s: %s is in the store after %.1f s", job.id, name, time.monotonic() - begun)

    def _put_checkpoint(self, job: Job, name: str) -> Ref:
        """By way of a copy: the job still runs, and could put a link to another file in the place of one of its own."""
        self._store.cache.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=self._store.cache, prefix=".checkpoint-") as aside:
            copied = Path(aside, "checkpoint")
            copy_plain(Path(job.folder), PurePosixPath(name), copied)
            return self._store.put(copied)

    async def send(self, end: JobEnd, asked: Job, job: Job) -> JobEnd:
        """The end as the run is told of it: the model by its place on the run's disk, and where it is now.

        `asked` is the job as it was queued, `job` as `fetch` gave it.
        """
        if asked.inputs is None:
            return end
        await stop([task for task in (self._uploads.pop(job.id, None),) if task is not None])
        if isinstance(end, JobFinished | JobCancelled) and end.model is not None:
            end = await self._send_model(end, asked, Path(end.model))
        await asyncio.to_thread(shutil.rmtree, job.folder, ignore_errors=True)
        return end

    async def _send_model(self, end: JobFinished | JobCancelled, asked: Job, model: Path) -> JobEnd:
        for left in reversed(range(TRIES)):
            try:
                ref = await asyncio.to_thread(self._store.put, model, without=_CHECKPOINTS)
                break
            except (PostdocsError, OSError) as error:
                log.warning("job %s: its model is not in the store yet (%s)", end.job, error)
                if not left:
                    return _lost(end, f"its model could not be put into the store: {error}")
            await asyncio.sleep(PAUSE)
        place = str(Path(asked.folder, asked.spec.output))
        return end.model_copy(update={"model": place, "artifact": ref})


def _renamed(text: str, here: dict[str, str]) -> str:
    """Longest paths first: one may begin another."""
    for path in sorted(here, key=len, reverse=True):
        text = text.replace(path, here[path])
    return text


def _checkpoint_of(job: Job) -> str:
    return f"{job.id}/checkpoint"


def _lost(end: JobFinished | JobCancelled, reason: str) -> JobFailed:
    return JobFailed(
        job=end.job, experiment=end.experiment, at=end.at, reason=reason, evidence=(reason,), seconds=end.seconds
    )
