"""The limits on memory and disk that a job is held to by looking: what setrlimit(2) cannot count over processes.

Used by the local backend and by the supervisor of `job/main.py`, which kill a job that breaks one.
"""

from __future__ import annotations

import logging
import time
from pathlib import Path

from protocol.job import Job
from services.executor.inventory.nvml import host_memory
from services.executor.sandbox import usage
from services.executor.sandbox.cgroup import Group
from services.executor.sandbox.plan import Plan
from services.executor.sandbox.unseen import Unseen

log = logging.getLogger(__name__)
SECONDS = 0.2
"""Between two looks, …"""
DISK_SECONDS = 1.0
SHARE = 0.1
"""… but a job of many processes or files is not looked at for a greater share of the time."""
MACHINE_SHARE = 0.9
"""Of the memory of this machine, or container: the limit of a job that names none. Beyond, the kernel would kill
something, or swap."""


def memory_limit_gb(job: Job) -> float:
    """Gigabytes (10⁹ bytes)."""
    return job.spec.needs.memory_gb or MACHINE_SHARE * host_memory() / usage.GB


class Limits:
    """Those of one job; without a `plan` it is in no sandbox, without a `group` the kernel does not count for us."""

    def __init__(self, job: Job, plan: Plan | None, group: Group | None = None) -> None:
        self.id, self.folder, self.group = job.id, Path(job.folder), group
        self.memory_gb, self.disk_gb = memory_limit_gb(job), job.spec.needs.disk_gb
        self._sandboxed = plan is not None
        own_shared = plan is not None and plan.tier == "namespaces"
        self._shared_gb = plan.limits.shared_bytes / usage.GB if plan is not None and own_shared else None
        self._unseen = Unseen()
        self._hidden_at = self._memory_at = self._disk_at = 0.0

    def broken(self, pid: int) -> str | None:
        """The limit that the job breaks, in words with limit and value, if it does; `pid` as in `usage`. Takes a while
        where there is much to look at. Raises nothing: a job that cannot be measured is held to no limit, which is as
        bad as a broken one."""
        try:
            return self._hidden(pid) or self._memory(pid) or self._disk(pid)
        except Exception as error:
            log.exception("job %s is killed, since its limits cannot be kept", self.id)
            return f"what it holds cannot be measured ({type(error).__name__}: {error})"

    def kept_by_kernel(self) -> str | None:
        """The same, of what the kernel has kept by itself, when the job may have ended of it."""
        if self.group is None or not self.group.kills():
            return None
        return f"memory limit {self.memory_gb:.4g} GB exceeded: it took {self.group.most_gb():.2f} GB and more"

    def _hidden(self, pid: int) -> str | None:
        begun = time.monotonic()
        if not self._sandboxed or begun < self._hidden_at:
            return None
        told = self._unseen.told(pid)
        self._hidden_at = begun + (time.monotonic() - begun) / SHARE
        return told

    def _memory(self, pid: int) -> str | None:
        begun = time.monotonic()
        if self.group is not None:
            return self.kept_by_kernel()
        if begun < self._memory_at:
            return None
        held = usage.memory_gb(pid, self.memory_gb, self._shared_gb, self._sandboxed)
        self._memory_at = begun + (time.monotonic() - begun) / SHARE
        return f"memory limit {self.memory_gb:.4g} GB exceeded: {held:.2f} GB" if held > self.memory_gb else None

    def _disk(self, pid: int) -> str | None:
        begun = time.monotonic()
        if begun < self._disk_at:
            return None
        held = usage.disk_gb(pid, self.folder)
        self._disk_at = begun + max(DISK_SECONDS, (time.monotonic() - begun) / SHARE)
        if held <= self.disk_gb:
            return None
        told = f"{held:.2f} GB" if held < float("inf") else "more files than can be looked at"
        return f"disk limit {self.disk_gb:.4g} GB exceeded: {told}"
