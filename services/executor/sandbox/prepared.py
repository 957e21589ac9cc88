"""A sandbox as its worker keeps it: the plan, and what stays outside while the job runs. Used by the local backend."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

from protocol.job import Job
from services.executor.inventory.machine import Grant
from services.executor.sandbox import identity
from services.executor.sandbox.cgroup import Group
from services.executor.sandbox.egress import Egress
from services.executor.sandbox.limits import memory_limit_gb
from services.executor.sandbox.plan import Plan, Tier, plan


@dataclass(frozen=True)
class Sandbox:
    """One job's."""

    plan: Plan
    group: Group | None
    egress: Egress | None

    @classmethod
    async def prepare(cls, job: Job, grant: Grant, python: str | None = None, tier: Tier = "namespaces") -> Sandbox:
        """Plan it, make the job's folder the job's own, and open the way to its hosts. Raises `BadJobFolder`."""
        egress = Egress(job.spec.hosts, identity.of_jobs()[0]) if job.spec.hosts else None
        try:
            if egress is not None:
                await egress.open()
            path = egress.path if egress is not None else None
            made = await asyncio.to_thread(_planned, job, grant, python, path, tier)
            group = await asyncio.to_thread(Group.make, memory_limit_gb(job))
        except BaseException:
            if egress is not None:
                await egress.close()
            raise
        joined = (str(group.folder),) if group is not None else ()
        return cls(made.model_copy(update={"cgroup": joined}), group, egress)

    async def close(self) -> None:
        """The job has ended."""
        if self.egress is not None:
            await self.egress.close()
        if self.group is not None:
            await asyncio.to_thread(self.group.remove)


def _planned(job: Job, grant: Grant, python: str | None, egress: str | None, tier: Tier) -> Plan:
    made = plan(job, grant, python=python, egress=egress, tier=tier)
    identity.hand_over(Path(made.folder), made.uid, made.gid)
    return made
