"""The `hf_jobs` backend: jobs as containers that Hugging Face rents out (https://huggingface.co/docs/hub/jobs).

There is no disk in common with them. What a job is made of, our code, and the data that it reads travel through a
private bucket of the account, of which the job finds exactly its own parts mounted: read-only what it reads, writeable
a folder of its own (`store`). So a job needs no token, and gets none. A repository would do for the way there, but is
mounted read-only: a job would have to be given a token that may write. What it says comes back in its log (`marks`),
what it makes through the bucket, into the job's folder here (`keeper`), where everything is as a local job leaves it.

The container is the sandbox: nothing of ours is in it but what was sent. Its network is open, whatever `hosts` says.
A request to save goes through the proxy of Hugging Face Jobs to a port of the container (`control`).
"""

from __future__ import annotations

import asyncio
import logging
import math
import os
import random
import re
import secrets
import sys
import time
from collections.abc import Mapping
from functools import partial
from importlib import metadata
from pathlib import Path

from huggingface_hub import HfApi, JobInfo, JobStage, Volume
from huggingface_hub.utils.tqdm import disable_progress_bars

from protocol.errors import BadInput
from protocol.job import Job
from services.executor.backends.backend import BackendFailed, Price, Terms
from services.executor.backends.hf_jobs import marks, request
from services.executor.backends.hf_jobs.faults import ask
from services.executor.backends.hf_jobs.handle import END_SECONDS, HfJobsHandle, until_over
from services.executor.backends.hf_jobs.hardware import Flavor, cheapest, flavors
from services.executor.backends.hf_jobs.manifest import Manifest
from services.executor.backends.hf_jobs.store import Store
from services.executor.files.folder import BadJobFolder, JobFolder
from services.executor.inventory.machine import Gpu, Machine

log = logging.getLogger(__name__)
IMAGE = "ghcr.io/astral-sh/uv:python{python}-bookworm"
"""As the Hub's own client takes for Python scripts; `uv` installs what is needed at the worker's versions."""
PACKAGES = ("torch", "transformers", "trl", "accelerate", "peft", "datasets", "pydantic", "psutil")
START_SECONDS = 900.0
"""What a container may take to install packages and read a model before its job's own time begins."""
PORTS = range(20_000, 32_768)
"""Below those that a system gives to outgoing connections."""
LABEL = "postdocs-job"
NO_LABEL = re.compile(r"[^A-Za-z0-9_-]")
"""What a label may not hold."""
UNDER_WAY = (JobStage.RUNNING, JobStage.SCHEDULING)


def hf_jobs_backend(environment: Mapping[str, str] = os.environ) -> HfJobsBackend:
    """As the environment says: HF_ENDPOINT, HF_TOKEN (else what `hf auth login` has kept), POSTDOCS_HF_NAMESPACE for
    who pays, POSTDOCS_HF_SECRETS for the names of those variables that jobs are given as secrets. Raises `BadInput`."""
    names = [name.strip() for name in environment.get("POSTDOCS_HF_SECRETS", "").split(",") if name.strip()]
    missing = [name for name in names if not environment.get(name)]
    if missing:
        raise BadInput(f"POSTDOCS_HF_SECRETS names {missing[0]}, which is not set: set it, or take it from the list")
    api = HfApi(endpoint=environment.get("HF_ENDPOINT") or None, token=environment.get("HF_TOKEN") or None)
    passed = {name: environment[name] for name in names}
    return HfJobsBackend(api, environment.get("POSTDOCS_HF_NAMESPACE"), passed)


class HfJobsBackend:
    """Rents the cheapest machine that fits, one a job."""

    name = "hf_jobs"
    sandboxed = False
    """The container is the sandbox."""

    def __init__(self, api: HfApi, namespace: str | None = None, passed: Mapping[str, str] | None = None) -> None:
        """`namespace`: who pays, if not the token's owner. `passed`: secrets that jobs are given, name and value."""
        self.api, self.namespace, self.passed = api, namespace or "", dict(passed or {})
        self.flavors: tuple[Flavor, ...] = ()
        self.device = "Hugging Face Jobs"
        self.machine = Machine(cpus=1, memory_gb=0.0, elastic=True, backend=self.name)
        self._code = ""
        self._handles: set[HfJobsHandle] = set()
        """Those whose machines may still be paid for."""

    async def open(self) -> None:
        """Sign in, learn what there is to rent, and send our code. Raises `BackendFailed` with the remedy."""
        disable_progress_bars()
        if not self.namespace:
            self.namespace = (await ask("sign in", self.api.whoami))["name"]
        self.flavors = flavors(await ask("list the machines", self.api.list_jobs_hardware))
        self.machine = self.machine.model_copy(update=_offered(self.flavors))
        self.store = Store(self.api, self.namespace)
        await ask("open the bucket", self.store.open)
        self._code = await ask("send the code", self.store.put_code)

    async def start(self, job: Job, terms: Terms) -> HfJobsHandle:
        flavor = self.flavor(job)
        folder = JobFolder(job)
        folder.prepare()
        folder.set_torn_checkpoints_aside()
        await self._end_earlier(job)
        place = f"jobs/{job.id}"
        kept = await self._restored(folder, place)
        readings, volumes = await self._readings(job)
        asked = request.Request(
            job=job,
            seconds=max(0.0, terms.stop_at - time.monotonic()),
            control=random.choice(PORTS),
            readings=readings,
            restore=tuple(_to_restore(kept)),
        )
        word = secrets.token_hex(8)
        files = {
            f"{place}/{request.NAME}": asked.model_dump_json().encode(),
            f"{place}/{marks.FILE}": word.encode(),
        }
        await ask("send the job", partial(self.store.put, files))
        volumes += [self._volume(place, request.JOB, writeable=True), self._volume("code", request.CODE)]
        info = await self._rent(asked, flavor, volumes)
        log.info("job %s is %s, on %s at %.2f USD an hour", job.id, info.url, flavor.name, flavor.usd_per_hour)
        checkpoints = kept.checkpoints()
        resumed = str(folder.root / checkpoints[-1]) if checkpoints else None
        hidden = (word, *self.passed.values())
        handle = HfJobsHandle(
            self.api, self.store, info, asked, place=place, device=flavor.device, hidden=hidden, resumed_from=resumed
        )
        self._handles = {other for other in self._handles if not other.over} | {handle}
        return handle

    async def _rent(self, asked: request.Request, flavor: Flavor, volumes: list[Volume]) -> JobInfo:
        """Start the container; one whose start nobody waits for any more is ended again."""
        starting = asyncio.create_task(ask("start the job", partial(self._run, asked, flavor, volumes), once=True))
        try:
            return await asyncio.shield(starting)
        except asyncio.CancelledError:
            await asyncio.wait({starting})
            if starting.exception() is None:
                await self._cancel(starting.result())
            raise

    async def _cancel(self, job: JobInfo) -> None:
        await ask("cancel a job", partial(self.api.cancel_job, job_id=job.id, namespace=self.namespace))

    async def close(self) -> None:
        """End what still runs there, since it costs."""
        handles = list(self._handles)
        for told in await asyncio.gather(*(handle.kill() for handle in handles), return_exceptions=True):
            if isinstance(told, BaseException):  # the others are ended all the same
                log.warning("a rented machine may still run: %s", told)
        self._handles.clear()

    def price(self, job: Job) -> Price | None:
        found = cheapest(job.spec.needs, self.flavors)
        return Price(device=found.device, usd_per_hour=found.usd_per_hour) if found else None

    def flavor(self, job: Job) -> Flavor:
        """What the job is to run on. Raises `BadJobFolder` when nothing that is offered has what it needs."""
        found = cheapest(job.spec.needs, self.flavors)
        if found is None:
            needs = job.spec.needs.model_dump(exclude_defaults=True)
            raise BadJobFolder(f"Hugging Face Jobs offer no machine for {needs}: ask for less in `compute`")
        return found

    async def _end_earlier(self, job: Job) -> None:
        """A worker that died has left its container running: it must not go on beside the new one, nor be paid for.

        Raises `BackendFailed` when one does not end."""
        listed = partial(self.api.list_jobs, labels={LABEL: job.id}, status=list(UNDER_WAY), namespace=self.namespace)
        there = await ask("list the jobs", lambda: list(listed()))
        for earlier in there:
            await self._cancel(earlier)
        deadline = time.monotonic() + END_SECONDS
        for earlier in there:  # as long as it lives it may exchange the checkpoints that are gone on from
            if not await until_over(self.api, earlier, deadline):
                raise BackendFailed(f"Hugging Face Jobs: an earlier start of the job does not end: {earlier.url}")

    async def _restored(self, folder: JobFolder, place: str) -> Manifest:
        """What an earlier delivery has left in the bucket, or, where it ran elsewhere, in the folder here."""
        kept = await ask("look for checkpoints", partial(self.store.manifest, place))
        here = folder.checkpoints()
        newest = str(here[-1].relative_to(folder.root)) if here else None
        if newest is None or newest in kept.checkpoints():
            return kept
        names = [str(path.relative_to(folder.root)) for path in here[-1].rglob("*") if path.is_file()]
        return await ask("send the checkpoint", partial(self.store.keep, place, folder.root, names, kept))

    async def _readings(self, job: Job) -> tuple[tuple[request.Reading, ...], list[Volume]]:
        readings, volumes = [], []
        for number, path in enumerate(dict.fromkeys(job.spec.reads)):
            source = Path(path)
            if not source.is_absolute():  # a name on the Hub: the container fetches it there
                continue
            if not source.exists():
                raise BadJobFolder(f"{path}, which it reads, is not there to be sent to Hugging Face Jobs")
            place = await ask(f"send {path}", partial(self.store.put_read, source))
            readings.append(request.Reading(path=path, mounted=request.read_mount(number)))
            volumes.append(self._volume(place, request.read_mount(number)))
        return tuple(readings), volumes

    def _volume(self, place: str, mounted: str, writeable: bool = False) -> Volume:
        return Volume(type="bucket", source=self.store.bucket, path=place, mount_path=mounted, read_only=not writeable)

    def _run(self, asked: request.Request, flavor: Flavor, volumes: list[Volume]) -> JobInfo:
        spec = asked.job.spec
        packages = [part for package in (*_packages(), *spec.requirements) for part in ("--with", package)]
        return self.api.run_job(
            image=IMAGE.format(python=f"{sys.version_info.major}.{sys.version_info.minor}"),
            command=["uv", "run", "--no-project", *packages, "python", f"{request.MOUNTED}/{self._code}"],
            secrets=self.passed,
            flavor=flavor.name,
            timeout=math.ceil(START_SECONDS + spec.seconds + spec.grace),
            labels={LABEL: asked.job.id, "name": NO_LABEL.sub("-", f"postdocs-{asked.job.experiment}")[:60]},
            volumes=volumes,
            expose=[asked.control],
            namespace=self.namespace,
        )


def _offered(offered: tuple[Flavor, ...]) -> dict[str, object]:
    """What placement has to know: one GPU of each kind of machine, and the largest memory."""
    gpus = [f for f in offered if f.gpus]
    return {
        "memory_gb": max((flavor.memory_gb for flavor in offered), default=0.0),
        "gpus": tuple(Gpu(uuid=f.name, name=f.kind, memory_gb=f.gpu_memory_gb) for f in gpus),
    }


def _packages() -> list[str]:
    """Pinned to what the worker has: the same script does the same there. A local part (`+cpu`) is no release."""
    return [f"{name}=={metadata.version(name).split('+')[0]}" for name in PACKAGES]


def _to_restore(kept: Manifest) -> list[str]:
    """The newest checkpoint, and all that belongs to none. The model that an earlier delivery left is made anew."""
    checkpoints = kept.checkpoints()
    return [name for name in kept.files if not any(name.startswith(f"{older}/") for older in checkpoints[:-1])]
