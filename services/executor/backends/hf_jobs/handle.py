"""A job that runs at Hugging Face: what it says, how it ended, how it is stopped."""

from __future__ import annotations

import asyncio
import logging
import shutil
import time
from collections.abc import AsyncIterator, Sequence
from functools import partial
from pathlib import Path
from typing import TextIO

import httpx2
from huggingface_hub import HfApi, JobInfo, JobStage, get_token

from services.executor.backends.backend import BackendFailed, Exit
from services.executor.backends.hf_jobs import control, marks
from services.executor.backends.hf_jobs.faults import ask, status_of
from services.executor.backends.hf_jobs.log import JobLog
from services.executor.backends.hf_jobs.manifest import Manifest
from services.executor.backends.hf_jobs.metrics import Metrics
from services.executor.backends.hf_jobs.request import Request
from services.executor.backends.hf_jobs.store import Store
from services.executor.files.folder import JobFolder
from services.executor.job.events import Event, Printed, Running
from services.executor.watch.usage import Usage

log = logging.getLogger(__name__)
OVER = (JobStage.COMPLETED, JobStage.CANCELED, JobStage.ERROR, JobStage.DELETED)
POLL = 0.5
END_SECONDS = 30.0
"""Between the end of a job's process and the stage that says so, or after a request to cancel."""
FLUSH_SECONDS = 60.0
"""A mounted bucket sends what was written half a minute later at worst (hf-mount, `--flush-max-batch-window-ms`)."""
CONTROL_SECONDS = 5.0
HIDDEN = "[secret]"
GB = 1e9
NOT_FOUND = 404


class HfJobsHandle:
    """One container."""

    def __init__(
        self,
        api: HfApi,
        store: Store,
        info: JobInfo,
        asked: Request,
        *,
        place: str,
        device: str,
        hidden: tuple[str, ...],
        resumed_from: str | None,
    ) -> None:
        """`hidden`: the word of the marks, then the values that must not be seen in a log."""
        self.api, self.store, self.info, self.asked, self.place = api, store, info, asked, place
        self.resumed_from = resumed_from
        self.folder = JobFolder(asked.job)
        self._word, self._secrets = hidden[0], [value for value in hidden[1:] if value]
        self._owner = info.owner.name
        self._log = JobLog(api, self._owner, info.id, partial(marks.is_end, self._word))
        self._metrics = Metrics(api, self._owner, info.id, device)
        self._ended: marks.Ended | None = None
        self._exit: Exit | None = None
        self._killed = False
        self.over = False
        """Its machine is not paid for any more."""

    async def events(self) -> AsyncIterator[Sequence[Event]]:
        try:
            with self.folder.log.open("a") as output, self.folder.events.open("a") as events:
                async for lines in self._log.batches():
                    said = self._hear(lines, output, events)
                    if said:
                        yield said
                    if self._ended is not None:  # the stream itself ends seconds later
                        return
        finally:
            self._log.close()
            self._metrics.close()

    async def wait(self) -> Exit:
        """How it ended, once what it has saved is in the job's folder."""
        if self._exit is None:
            self._exit = await self._find_out()
        return self._exit

    async def _find_out(self) -> Exit:
        info = await self._until_over()
        if self._ended is None and info.status.stage == JobStage.DELETED:
            raise BackendFailed(f"Hugging Face Jobs: job {self.info.url} was deleted")
        generation = self._ended.generation if self._ended else 0
        over = await self._bring_back(generation)
        if over is not None:
            return Exit(limit=over)
        if self._ended is not None:
            return Exit(code=self._ended.code, signal=self._ended.signal, limit=self._ended.limit)
        if self._killed:
            return Exit(signal=9)
        told = info.status.message or f"stage {info.status.stage}, without a reason"
        return Exit(limit=f"ended by Hugging Face Jobs: {told}")

    async def usage(self) -> Usage:
        return self._metrics.usage()

    async def save(self) -> None:
        await self._request(control.SAVE)

    async def terminate(self) -> None:
        await self._request(control.TERMINATE)

    async def kill(self) -> None:
        """Cancel it, unless it is over: one that says that it has ended may go on, and cost."""
        try:
            if not self.over and not await self._gone():
                await self._cancel()
        except BackendFailed as error:
            if self._exit is None:
                raise
            log.warning("%s; its machine may still be paid for: %s", error, self.info.url)
        self._log.close()

    async def _cancel(self) -> None:
        self._killed = self._exit is None
        await ask("cancel the job", partial(self.api.cancel_job, job_id=self.info.id, namespace=self._owner))
        try:
            await self._until_over()
        except BackendFailed as error:  # it is cancelled all the same
            log.warning("%s", error)

    async def _gone(self) -> bool:
        """Whether it has ended, or the Hub knows of no such job any more."""
        try:
            self.over = (await self._inspect()).status.stage in OVER
        except BackendFailed as error:
            if error.__cause__ is None or status_of(error.__cause__) != NOT_FOUND:
                raise
            self.over = True
        return self.over

    def _hear(self, lines: list[str], output: TextIO, events: TextIO) -> list[Event]:
        """Events of these lines; they also go where a job on this machine writes them itself."""
        said: list[Event] = []
        printed: list[str] = []
        for line in lines:
            event = marks.read(self._word, line)
            if isinstance(event, marks.Ended):
                self._ended = event
            elif isinstance(event, Printed):
                printed.append(self._without_secrets(line))
            else:
                events.write(event.model_dump_json() + "\n")
                # its clock is not ours: it runs since we know of it
                said.append(event.model_copy(update={"at": time.monotonic()}) if isinstance(event, Running) else event)
        if printed:
            output.write("".join(f"{line}\n" for line in printed))
            said.append(Printed(lines=tuple(printed)))
        output.flush()
        events.flush()
        return said

    def _without_secrets(self, line: str) -> str:
        for value in self._secrets:
            line = line.replace(value, HIDDEN)
        return line

    async def _inspect(self) -> JobInfo:
        return await inspect(self.api, self.info)

    async def _until_over(self) -> JobInfo:
        """The job once it has stopped to cost; one that says that it has ended is not waited for for ever."""
        found = await until_over(self.api, self.info, time.monotonic() + END_SECONDS)
        self.over = found is not None
        if found is None and self._ended is None:
            raise BackendFailed(f"Hugging Face Jobs: {self.info.url} has stopped to talk, but not to run")
        return found or self.info

    async def _request(self, what: str) -> None:
        """Tell the runner in the container; one that does not hear is killed when its time is over."""
        info = await self._inspect()
        if not info.status.expose_urls:
            log.warning("job %s cannot be asked to %s: it has no address yet", self.info.id, what.strip("/"))
            return
        token = self.api.token if isinstance(self.api.token, str) else get_token()
        try:
            async with httpx2.AsyncClient(timeout=CONTROL_SECONDS) as client:
                url = info.status.expose_urls[0].rstrip("/") + what
                (await client.post(url, headers={"Authorization": f"Bearer {token}"})).raise_for_status()
        except httpx2.HTTPError as error:
            log.warning("job %s was not asked to %s: %s", self.info.id, what.strip("/"), error)

    async def _bring_back(self, generation: int) -> str | None:
        """Fetch what the job has saved into its folder; the limit that it breaks, if it does."""
        manifest = await self._manifest(generation)
        size, allowed = sum(kept.size for kept in manifest.files.values()) / GB, self.asked.job.spec.needs.disk_gb
        if size > allowed:
            return f"disk limit {allowed:g} GB exceeded: it has saved {size:.2f} GB"
        ours = {*self.asked.job.spec.files, self.folder.log.name, self.folder.events.name}
        wanted = {name: kept for name, kept in manifest.files.items() if name not in ours}
        aside = self.folder.root / f".fetched-{self.info.id}"
        try:
            await ask("fetch the results", partial(self.store.fetch, self.place, wanted, aside))
            await asyncio.to_thread(_move, aside, self.folder.root, list(wanted))
        finally:
            await asyncio.to_thread(shutil.rmtree, aside, ignore_errors=True)
        return None

    async def _manifest(self, generation: int) -> Manifest:
        """The manifest, at least as new as the job said that it is."""
        deadline = time.monotonic() + FLUSH_SECONDS
        while True:
            found = await ask("fetch the results", partial(self.store.manifest, self.place))
            if found.generation >= generation:
                return found
            if time.monotonic() > deadline:
                raise BackendFailed(f"Hugging Face Jobs: the results of {self.info.url} do not reach the bucket")
            await asyncio.sleep(POLL)


async def inspect(api: HfApi, job: JobInfo) -> JobInfo:
    return await ask("look after the job", partial(api.inspect_job, job_id=job.id, namespace=job.owner.name))


async def until_over(api: HfApi, job: JobInfo, deadline: float) -> JobInfo | None:
    """The job once it has stopped to cost; None where it has not by then (monotonic)."""
    while True:
        info = await inspect(api, job)
        if info.status.stage in OVER:
            return info
        if time.monotonic() > deadline:
            return None
        await asyncio.sleep(POLL)


def _move(source: Path, target: Path, names: list[str]) -> None:
    """Each file by a rename: a checkpoint whose fetching broke off is not in the folder at all."""
    for name in names:
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).replace(target / name)
