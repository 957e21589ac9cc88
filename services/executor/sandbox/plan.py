"""What one job's sandbox shows and allows: pure data, made by the worker, carried out by `enter`.

    plan = sandbox.plan.plan(job, grant)          # on the machine where the job is to run; raises BadJobFolder
    Plan.model_validate_json(plan.model_dump_json())     # it may travel to another process
    enter(plan)                                   # in a fresh process, before torch: returns inside the sandbox

What Python itself needs (its prefixes, `sys.path`) is not in the plan: `enter` adds that of the interpreter it runs
in, so that a job in an environment of its own sees its own packages.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from protocol.job import Job, JobSpec
from protocol.message import Part
from services.executor.files.folder import BadJobFolder
from services.executor.inventory.machine import Grant
from services.executor.sandbox import environment, identity, interpreter, reads

Tier = Literal["namespaces", "landlock"]
_GB = 10**9
PROCESSES = 512
"""Processes and threads of a job, …"""
PROCESSES_A_CPU = 64
"""… and so many more for each of its CPUs: each data loader has its own threads."""
FILES = 16384
SHARED_MEMORY_GB = 8.0
"""/dev/shm of a job without a memory limit: data loaders and NCCL pass tensors through it."""
DATA_ROOM = 2.0
"""RLIMIT_DATA of a CPU job, in times of its memory limit: what is mapped is more than what is touched. It stops what
grows faster than the polling looks."""


class Bind(Part):
    """A file or folder of the machine that the sandbox shows read-only."""

    source: str
    """Absolute, without a symbolic link in it: if one appears there before the sandbox is entered, that fails."""
    alias: str | None = None
    """Another path at which a link to it stands."""
    target: str | None = None
    """Where it is shown, if not at the same path."""
    programs: bool = False
    """Whether what lies there may be executed, or loaded as a library."""
    mapped: bool = False
    """Whether root's files there are shown as the job's own (`idmap`)."""


class Limits(Part):
    """What the kernel itself enforces, for each process of the job (setrlimit(2)); bytes."""

    processes: int
    """Processes and threads of the whole job."""
    files: int
    """Open files of one process."""
    file_bytes: int
    """Size of one file."""
    data_bytes: int | None
    """Private memory that one process may map beyond what it begins with."""
    shared_bytes: int
    """Size of /dev/shm."""


class Plan(Part):
    """A sandbox."""

    folder: str
    """The job's own, the only one it can write; absolute, without a symbolic link in it."""
    alias: str | None
    """Another path at which a link to it stands: how the job itself names it."""
    uid: int
    gid: int
    """As whom the job runs, outside; never root of the machine."""
    reads: tuple[Bind, ...]
    gpus: tuple[int, ...]
    """Minor numbers of the device nodes `/dev/nvidia<minor>` that it may open."""
    mig: bool
    environment: dict[str, str]
    """All of it."""
    limits: Limits
    egress: str | None
    """Path of the unix socket of the job's proxy, if it was granted hosts."""
    tier: Tier = "namespaces"
    """What it is made of."""
    cgroup: tuple[str, ...] = ()
    """Folders of the control groups that it joins."""


def plan(
    job: Job, grant: Grant, *, python: str | None = None, egress: str | None = None, tier: Tier = "namespaces"
) -> Plan:
    """The sandbox of a job that was granted this of the machine. Its folder must be there.

    `python`: of the job's own environment, if that is not this process's.
    Raises `BadJobFolder`: a path in `reads` that is not there, cannot be read as the user that jobs run as, or would
    show what is not a job's to see.
    """
    folder = Path(job.folder).resolve()
    if not folder.is_dir():
        raise BadJobFolder(f"there is no folder {job.folder}")
    for path in interpreter.shown(folder):
        if folder.is_relative_to(path.resolve()):
            raise BadJobFolder(f"{folder} lies in {path}, which every job can read: let the runs be elsewhere")
    (uid, gid), needs = identity.of_jobs(), job.spec.needs
    shown = [Bind(**found._asdict()) for found in reads.shown(job.spec.reads, folder, uid)]
    if python is not None:
        shown.append(Bind(source=str(Path(python).parent.parent.resolve()), programs=True))
    if tier == "landlock":
        _check_without_namespaces(job.spec, folder, shown, uid)
    return Plan(
        folder=str(folder),
        alias=job.folder if job.folder != str(folder) else None,
        uid=uid,
        gid=gid,
        reads=tuple(shown),
        gpus=tuple(sorted({gpu.minor for gpu in grant.gpus if gpu.minor is not None})),
        mig=any(gpu.mig for gpu in grant.gpus),
        environment=environment.of_job(os.environ, grant, online=egress is not None),
        limits=Limits(
            processes=PROCESSES + PROCESSES_A_CPU * grant.cpus,
            files=FILES,
            file_bytes=round(needs.disk_gb * _GB),
            data_bytes=None if grant.gpus or needs.memory_gb is None else round(DATA_ROOM * needs.memory_gb * _GB),
            shared_bytes=round((needs.memory_gb or SHARED_MEMORY_GB) * _GB),
        ),
        egress=egress,
        tier=tier,
    )


def _check_without_namespaces(spec: JobSpec, folder: Path, shown: Sequence[Bind], uid: int) -> None:
    """Refuse what only namespaces can give. Raises `BadJobFolder`."""
    if spec.hosts or spec.launch != "python":
        wanted = f"hosts {', '.join(spec.hosts)}" if spec.hosts else f"launch {spec.launch!r}"
        raise BadJobFolder(
            f"{wanted}: this machine's sandbox (landlock) has no network; let a worker take it that can make namespaces"
        )
    who = f"user {uid}, as whom jobs run,"
    for read in shown:
        if read.mapped:
            raise BadJobFolder(f"{who} cannot read {read.source}: chmod -R a+rX {read.source}")
    for path in (folder, *(Path(read.source) for read in shown)):
        if not identity.can_reach(path, uid):
            raise BadJobFolder(f"{who} cannot get to {path}: chmod a+x the folders above it")
