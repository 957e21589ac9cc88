"""How a process gives up what it may: user, capabilities, privileges to come; and its limits. Used by `enter`."""

from __future__ import annotations

import contextlib
import os
import resource
from pathlib import Path

from services.executor.sandbox import seccomp, system
from services.executor.sandbox.plan import Limits, Plan
from services.executor.sandbox.root import inside_ids

OOM_SCORE = "500"
"""When the machine runs out of memory, a job goes before its worker does."""


def is_root(plan: Plan) -> bool:
    """Whether this process is root of the machine and the job is not to be."""
    return os.geteuid() == 0 and plan.uid != 0


def map_user(plan: Plan) -> None:
    """In a new user namespace: be the plan's user there, and nobody else (user_namespaces(7))."""
    system.prctl(system.PR_SET_DUMPABLE, 1)  # else these files belong to root
    uid, gid = inside_ids(plan)
    outer_uid, outer_gid = plan.uid, plan.gid
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{uid} {outer_uid} 1")
    Path("/proc/self/gid_map").write_text(f"{gid} {outer_gid} 1")


def drop(plan: Plan, *, own_namespace: bool) -> None:
    """Be the job's user, with no capability, for good.

    `own_namespace`: root's job gets a user namespace too, in which RLIMIT_NPROC counts its processes alone. Where the
    kernel has none to give, it counts all that run as nobody.
    """
    if is_root(plan):
        system.drop_bounds()
        os.setgroups([])
        os.setresgid(plan.gid, plan.gid, plan.gid)
        os.setresuid(plan.uid, plan.uid, plan.uid)
        if own_namespace:
            with contextlib.suppress(OSError):
                system.unshare(system.CLONE_NEWUSER)
                map_user(plan)
    system.drop_capabilities()
    system.prctl(system.PR_SET_NO_NEW_PRIVS, 1)


def limit(limits: Limits, beside: int = 0) -> None:
    """setrlimit(2), soft and hard; never above what the process has. `beside`: so many processes and threads of the
    same user the kernel counts too."""
    wanted = {
        resource.RLIMIT_NPROC: limits.processes + beside,
        resource.RLIMIT_NOFILE: limits.files,
        resource.RLIMIT_FSIZE: limits.file_bytes,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_MSGQUEUE: 0,
    }
    if limits.data_bytes is not None:
        wanted[resource.RLIMIT_DATA] = limits.data_bytes + _data_now()
    for kind, value in wanted.items():
        hard = resource.getrlimit(kind)[1]
        lowered = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(kind, (lowered, lowered))
    with contextlib.suppress(OSError):  # a container may forbid it
        Path("/proc/self/oom_score_adj").write_text(OOM_SCORE)


def _data_now() -> int:
    """Bytes that this process has mapped privately: a fork begins with what its zygote has."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("VmData"))


def become_job(plan: Plan) -> None:
    """All of it, in the job's process; the last thing before its own code."""
    drop(plan, own_namespace=True)
    system.prctl(system.PR_SET_DUMPABLE, 1)  # it may read its own /proc/self
    limit(plan.limits)
    seccomp.install()
