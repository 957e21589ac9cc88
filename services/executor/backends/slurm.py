"""The Slurm backend: jobs by sbatch, through submitit.

The cluster's machines need this package at the same path as the worker, and the run's folder on a file system that they
share. What else a site wants is told to Slurm as always: SBATCH_PARTITION, SBATCH_ACCOUNT, SBATCH_QOS. Nothing here
needs Slurm's accounting database, which not every site has: states come from squeue.
"""

from __future__ import annotations

import asyncio
import math
import os
import sys
from subprocess import CalledProcessError

from submitit import SlurmExecutor
from submitit.core.utils import FailedJobError, FailedSubmissionError

from protocol.job import Job
from services.executor.backends.backend import BackendFailed
from services.executor.backends.shared_folder import Cluster, State
from services.executor.inventory.machine import Gpu, Grant, Machine, Node, cluster
from services.executor.job.control import Control
from services.executor.job.main import supervise
from services.executor.sandbox import environment
from tools.sizing.gpus import memory_gb

ANSWER_SECONDS = 60.0
"""A controller under load answers late; Slurm's own MessageTimeout is 10 s and often raised."""
LOADING_MINUTES = 15
"""Of wall time beyond a job's seconds and its grace: imports and models from a busy file system."""
RUNNING = frozenset(("RUNNING", "COMPLETING", "STAGE_OUT", "SIGNALING", "STOPPED"))
"""States in which a job has its machine (https://slurm.schedmd.com/squeue.html); squeue does not list ended ones."""

GONE = frozenset(
    ("down", "drained", "draining", "drng", "error", "fail", "failing", "failg", "inval", "unknown", "future")
)
"""States of a machine that takes no job (https://slurm.schedmd.com/sinfo.html)."""


class SlurmCluster(Cluster):
    """A cluster, by its command-line tools."""

    name = "slurm"

    def __init__(self, *, cpus: int = 4, python: str = sys.executable) -> None:
        """`cpus` that a job is given; `python` on the cluster's machines, which has this package."""
        self.cpus, self.python = cpus, python

    async def open(self) -> Machine:
        nodes = nodes_of(await _run("sinfo", "--noheader", "--Node", "--format=%N|%c|%m|%G|%T"))
        if not nodes:
            raise BackendFailed("Slurm has no machine for you: see sinfo")
        return cluster(self.cpus, nodes)

    async def submit(self, job: Job, control: Control, grant: Grant) -> str:
        try:
            return await asyncio.to_thread(self._submit, job, control, grant)
        except (CalledProcessError, FailedJobError, FailedSubmissionError, RuntimeError, OSError) as error:
            raise BackendFailed(f"sbatch: {_told(error)}") from error

    def _submit(self, job: Job, control: Control, grant: Grant) -> str:
        needs, seconds = job.spec.needs, job.spec.seconds + job.spec.grace
        executor = SlurmExecutor(control.root / "slurm", python=self.python)
        # of what this process has in its environment only what a job may see goes into Slurm's spool
        exported = [name for name in environment.of_zygote(os.environ, sandboxed=False) if name in os.environ]
        executor.update_parameters(
            job_name=_name(job),
            time=math.ceil(seconds / 60) + LOADING_MINUTES,
            cpus_per_task=grant.cpus,
            use_srun=False,
            stderr_to_stdout=True,
            **({"mem": f"{math.ceil(needs.memory_gb * 1e9 / 2**20)}M"} if needs.memory_gb else {}),
            **({"gres": f"{grant.gpus[0].uuid if grant.gpus else 'gpu'}:{needs.gpus}"} if needs.gpus else {}),
            additional_parameters={"no-requeue": True, "export": ",".join(exported) or "NONE"},
        )
        return str(executor.submit(supervise, str(control.root)).job_id)

    async def state(self, ticket: str) -> State:
        try:
            told = await _run("squeue", "--noheader", "--format=%T", f"--jobs={ticket}")
        except BackendFailed as error:
            if "Invalid job id" in str(error):  # it ended so long ago that Slurm has forgotten it
                return "ended"
            raise
        if not told.strip():
            return "ended"
        return "running" if told.split()[0] in RUNNING else "waiting"

    async def stop(self, ticket: str) -> None:
        await _run("scancel", "--quiet", ticket)

    async def tickets(self, job: Job) -> list[str]:
        return (await _run("squeue", "--noheader", "--format=%i", f"--name={_name(job)}")).split()

    async def log(self, ticket: str, control: Control) -> str:
        def read() -> str:
            return "".join(path.read_text(errors="replace") for path in (control.root / "slurm").glob("*.out"))

        return await asyncio.to_thread(read)


def nodes_of(told: str) -> tuple[Node, ...]:
    """The machines that take jobs, from what sinfo says: a line a node and partition, `node|cpus|MB|GRES|state`."""
    found = {}
    for name, cpus, megabytes, gres, state in (line.strip().split("|") for line in told.splitlines() if line.strip()):
        if state.strip("*~#!%$@^-+").lower() not in GONE:
            found[name] = Node(cpus=_number(cpus), memory_gb=_number(megabytes) * 2**20 / 1e9, gpus=gpus_of(gres))
    return tuple(found.values())


def gpus_of(gres: str) -> tuple[Gpu, ...]:
    """The GPUs of a node from what sinfo says of it: `gpu:h100:8(S:0-1),license:2`, `gpu:4`."""
    found: list[Gpu] = []
    for part in gres.split(","):
        kind, *rest = part.partition("(")[0].split(":")
        if kind == "gpu" and rest and rest[-1].isdigit():
            name = rest[0] if len(rest) > 1 else ""
            gpu = Gpu(uuid=f"gpu:{name}" if name else "gpu", name=name or "GPU", memory_gb=memory_gb(name))
            found += [gpu] * int(rest[-1])
    return tuple(found)


def _name(job: Job) -> str:
    return f"postdocs-{job.id}"


def _number(field: str) -> int:
    """sinfo puts a `+` behind what nodes have at least."""
    digits = field.rstrip("+")
    return int(digits) if digits.isdigit() else 0


def _told(error: Exception) -> str:
    output = getattr(error, "stderr", None) or getattr(error, "output", None) or str(error)
    text = output.decode(errors="replace") if isinstance(output, bytes) else str(output)
    return text.strip().splitlines()[-1] if text.strip() else type(error).__name__


async def _run(*command: str) -> str:
    """What it prints. Raises `BackendFailed`."""
    try:
        process = await asyncio.create_subprocess_exec(
            *command, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
    except OSError as error:
        raise BackendFailed(f"{command[0]} cannot be run: is Slurm installed here? ({error.strerror})") from error
    try:
        printed, failed = await asyncio.wait_for(process.communicate(), ANSWER_SECONDS)
    except TimeoutError:
        raise BackendFailed(f"{command[0]} has not answered for {ANSWER_SECONDS:.0f} s") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode != 0:
        told = failed.decode(errors="replace").strip().splitlines() or [f"exit code {process.returncode}"]
        raise BackendFailed(f"{command[0]}: {told[-1]}")
    return printed.decode(errors="replace")
