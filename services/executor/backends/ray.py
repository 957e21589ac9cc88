"""The Ray backend: jobs by the Ray Jobs API, for those who have outgrown one machine.

The cluster's machines need this package at the same path as the worker, and the run's folder on a file system that they
share. `RAY_ADDRESS` (http://head:8265) says where the cluster is, as for Ray's own tools.
"""

from __future__ import annotations

import asyncio
import secrets
import shlex
import sys
import time
from collections.abc import Callable
from typing import Any, TypeVar

import requests
from ray.job_submission import JobStatus, JobSubmissionClient
from ray.util.state import list_nodes
from ray.util.state.exception import RayStateApiException

from protocol.job import Job
from services.executor.backends.backend import BackendFailed
from services.executor.backends.shared_folder import Cluster, State
from services.executor.inventory.machine import Gpu, Grant, Machine, Node, cluster
from services.executor.job.control import Control
from tools.sizing.gpus import memory_gb

ANSWER_SECONDS = 20.0
"""Ray starts an actor before it confirms a submission, but on a busy head node first a process for it."""
NODES_SECONDS, NODES_POLL = 30.0, 0.5
"""The Jobs API of a cluster that starts answers some seconds before the first machine is there."""
LABEL = "postdocs_job"
"""Metadata that names the job."""
TYPE = "accelerator_type:"
"""Beginning of the resource by which Ray names a node's kind of GPU."""
SHARE = 0.001
"""Of that resource: enough to be placed there (https://docs.ray.io/en/latest/ray-core/accelerator-types.html)."""
Answer = TypeVar("Answer")


class RayCluster(Cluster):
    """A cluster's Jobs API."""

    name = "ray"

    def __init__(self, address: str | None = None, *, cpus: int = 4, python: str = sys.executable) -> None:
        """`address` as Ray takes it, its own environment variables going first; `cpus` that a job is given; `python`
        on the cluster's machines, which has this package."""
        self.address, self.cpus, self.python = address, cpus, python
        self._client: _Client | None = None

    async def open(self) -> Machine:
        self._client = await self._ask(lambda: _Client(self.address))
        deadline = time.monotonic() + NODES_SECONDS
        while not (nodes := await self._ask(lambda: _nodes(self._jobs.get_address()))):
            if time.monotonic() > deadline:
                raise BackendFailed(f"Ray at {self.address or 'RAY_ADDRESS'} has no machine: see ray status")
            await asyncio.sleep(NODES_POLL)
        return cluster(self.cpus, nodes)

    async def submit(self, job: Job, control: Control, grant: Grant) -> str:
        command = [self.python, "-m", "services.executor.job.main", str(control.root)]
        needs = job.spec.needs
        kinds = {gpu.uuid for gpu in grant.gpus if gpu.uuid.startswith(TYPE)}
        return await self._ask(
            lambda: self._jobs.submit_job(
                entrypoint=f"exec {shlex.join(command)}",
                submission_id=f"{job.id}-{secrets.token_hex(4)}",
                metadata={LABEL: job.id},
                entrypoint_num_cpus=grant.cpus,
                entrypoint_num_gpus=needs.gpus or None,
                entrypoint_memory=round(needs.memory_gb * 1e9) if needs.memory_gb else None,
                entrypoint_resources={kind: SHARE for kind in kinds} or None,
            )
        )

    async def state(self, ticket: str) -> State:
        status = await self._ask(lambda: self._status(ticket))
        if status is None or status.is_terminal():
            return "ended"
        return "waiting" if status == JobStatus.PENDING else "running"

    async def stop(self, ticket: str) -> None:
        await self._ask(lambda: self._status(ticket) is not None and self._jobs.stop_job(ticket))

    async def tickets(self, job: Job) -> list[str]:
        known = await self._ask(self._jobs.list_jobs)
        return [
            str(one.submission_id)
            for one in known
            if (one.metadata or {}).get(LABEL) == job.id and not one.status.is_terminal()
        ]

    async def log(self, ticket: str, control: Control) -> str:
        try:
            return await self._ask(lambda: self._jobs.get_job_logs(ticket))
        except BackendFailed:  # the node that had them may be what is lost
            return ""

    @property
    def _jobs(self) -> _Client:
        if self._client is None:
            raise BackendFailed("the Ray backend is not open")
        return self._client

    def _status(self, ticket: str) -> JobStatus | None:
        """None for a job that the cluster does not know, as one that was started anew since."""
        try:
            return self._jobs.get_job_status(ticket)
        except RuntimeError as error:
            if "does not exist" in str(error) or "404" in str(error):
                return None
            raise

    async def _ask(self, call: Callable[[], Answer]) -> Answer:
        """An answer of the cluster. Raises `BackendFailed`."""
        try:
            return await asyncio.to_thread(call)
        except (RuntimeError, OSError, requests.RequestException, RayStateApiException) as error:
            told = str(error).strip().splitlines() or [type(error).__name__]
            raise BackendFailed(f"Ray at {self.address or 'RAY_ADDRESS'}: {told[0]}") from error


class _Client(JobSubmissionClient):
    """Ray's client, which would wait for ever for an answer."""

    def _do_request(self, method: str, endpoint: str, **options: Any) -> Any:
        return super()._do_request(method, endpoint, **({"timeout": ANSWER_SECONDS} | options))


def _nodes(address: str) -> tuple[Node, ...]:
    """What machines the cluster has; how many jobs they take is Ray's to know."""
    told = [node.resources_total or {} for node in list_nodes(address=address, filters=[("state", "=", "ALIVE")])]
    return tuple(
        Node(cpus=int(one.get("CPU", 0)), memory_gb=one.get("memory", 0.0) / 1e9, gpus=tuple(_gpus(one)))
        for one in told
    )


def _gpus(resources: dict[str, float]) -> list[Gpu]:
    kind = next((name for name in resources if name.startswith(TYPE)), "")
    name = kind.removeprefix(TYPE)
    gpu = Gpu(uuid=kind or "gpu", name=f"NVIDIA {name}" if name else "GPU", memory_gb=memory_gb(name))
    return [gpu] * int(resources.get("GPU", 0))
