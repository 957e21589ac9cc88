"""Placement: what of a machine a job is given, so that nothing is given twice. Pure; called by the policy.

- A GPU belongs to one job, unless the job says how much memory it takes there: then others that say so share it.
- The smallest sufficient device goes first (best fit), so that the large ones stay free for those that need them.
- The GPUs of a job of several have one name: data-parallel training goes at the pace of the slowest. A MIG slice is a
  device like another, but never one of several: CUDA shows a process one slice only
  (https://docs.nvidia.com/datacenter/tesla/mig-user-guide/).
- Where something else places the jobs (Ray, Slurm), only what one of its machines has is asked for.
- Each job has a share of the CPUs and at least one. Those without a GPU leave one CPU to each GPU.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence

from protocol.job import Needs
from protocol.message import Part
from services.executor.inventory.machine import Gpu, Grant, Machine, Node
from tools.sizing.gpus import CONTEXT_GB

HOST_RESERVE_GB = 1.0
"""Host memory for the worker itself and the warm processes, which is promised to no job."""


class Placed(Part):
    """A job that has its place."""

    needs: Needs
    grant: Grant
    ends: float = 0.0
    """Unix time by which it is over."""


def place(
    machine: Machine, slots: int | None, running: Sequence[Placed], needs: Needs, without: Collection[str] = ()
) -> Grant | None:
    """What a job is given beside those that run, or None when it has no room now.

    `slots` bounds the jobs at a time, None does not; `without` names GPUs (uuid) that are not to be given.
    """
    if len(running) >= (slots or len(running) + 1) or needs.backend not in (None, machine.backend):
        return None
    if machine.elastic:
        return _anywhere(machine, needs)
    if not _host_memory_suffices(machine, [*(placed.needs for placed in running), needs]):
        return None
    gpus = _gpus(machine, running, needs, without)
    if gpus is None:
        return None
    cpus = _cpus(machine, slots, running, needs, gpus)
    return Grant(cpus=cpus, gpus=gpus) if cpus > 0 else None


def fits(machine: Machine, slots: int | None, needs: Needs) -> bool:
    """Whether the machine, with nothing else on it, can run such a job at all."""
    return place(machine, slots, (), needs) is not None


def default_slots(machine: Machine) -> int | None:
    """Jobs at a time where nobody says how many: one a CPU machine, and with GPUs as many as they take.

    Where something else places the jobs: as many as it says that there are devices.
    """
    return None if machine.gpus and not machine.elastic else max(1, len(machine.gpus))


def words(text: str) -> set[str]:
    """`NVIDIA A100-SXM4-40GB` → nvidia, a100, sxm4, 40gb."""
    return set(re.split(r"[^a-z0-9.]+", text.lower())) - {""}


def _anywhere(machine: Machine, needs: Needs) -> Grant | None:
    """On an elastic machine what exists is not used up, but a job runs on one node of it; where these are not known,
    what there is of devices counts alone. The job is given the smallest device that will do."""
    if not machine.nodes:
        found = _smallest([machine.gpus], needs)
        return Grant(cpus=machine.cpus, gpus=found[:1] * needs.gpus) if found or not needs.gpus else None
    large = [node for node in machine.nodes if node.cpus and node.memory_gb >= (needs.memory_gb or 0.0)]
    if not needs.gpus:
        return Grant(cpus=min(machine.cpus, max(node.cpus for node in large))) if large else None
    alike = [tuple(gpu for gpu in node.gpus if gpu.uuid == uuid) for node in large for uuid in _kinds(node)]
    found = _smallest([gpus for gpus in alike if len(gpus) >= needs.gpus], needs)
    if not found:
        return None
    cpus = max(node.cpus for node in large if node.gpus.count(found[0]) >= needs.gpus)
    return Grant(cpus=min(machine.cpus, cpus), gpus=found[:1] * needs.gpus)


def _kinds(node: Node) -> list[str]:
    """On a cluster all GPUs of a kind go by one name."""
    return list(dict.fromkeys(gpu.uuid for gpu in node.gpus))


def _smallest(groups: Iterable[tuple[Gpu, ...]], needs: Needs) -> tuple[Gpu, ...]:
    """The smallest device of these that suits, as the first of the result; empty where none does."""
    suitable = [gpu for gpus in groups for gpu in gpus if _suits(gpu, needs)]
    return tuple(sorted(suitable, key=lambda gpu: gpu.memory_gb)[:1])


def _gpus(
    machine: Machine, running: Sequence[Placed], needs: Needs, without: Collection[str]
) -> tuple[Gpu, ...] | None:
    """The devices for a job: of one name, and of all that would do those with the least to spare."""
    if not needs.gpus:
        return ()
    on = {gpu.uuid: [one.needs for one in running if gpu in one.grant.gpus] for gpu in machine.gpus}
    free = [
        gpu
        for gpu in machine.gpus
        if _suits(gpu, needs) and gpu.uuid not in without and _shared_fairly(gpu, [*on[gpu.uuid], needs])
    ]
    if needs.gpus > 1:
        free = [gpu for gpu in free if not gpu.mig]
    best = sorted(free, key=lambda gpu: (_spare(gpu, on[gpu.uuid]), gpu.name))  # sorting is stable: else in order
    for name in dict.fromkeys(gpu.name for gpu in best):
        alike = [gpu for gpu in best if gpu.name == name]
        if len(alike) >= needs.gpus:
            return tuple(alike[: needs.gpus])
    return None


def _suits(gpu: Gpu, needs: Needs) -> bool:
    """Whether an idle GPU of this sort would do."""
    return words(needs.kind or "") <= words(gpu.name) and (needs.min_memory_gb or 0.0) <= gpu.memory_gb


def _shared_fairly(gpu: Gpu, jobs: Sequence[Needs]) -> bool:
    """Whether these jobs may be on one GPU at once."""
    if len(jobs) < 2:
        return True
    taken = [needs.min_memory_gb for needs in jobs]
    return sum((taken_gb or gpu.memory_gb) + CONTEXT_GB for taken_gb in taken) <= gpu.memory_gb


def _spare(gpu: Gpu, jobs: Sequence[Needs]) -> float:
    return gpu.memory_gb - sum((needs.min_memory_gb or 0.0) + CONTEXT_GB for needs in jobs)


def _host_memory_suffices(machine: Machine, jobs: Sequence[Needs]) -> bool:
    """A job that names no limit is not counted: nothing is known of it."""
    return sum(needs.memory_gb or 0.0 for needs in jobs) <= max(0.0, machine.memory_gb - HOST_RESERVE_GB)


def _cpus(machine: Machine, slots: int | None, running: Sequence[Placed], needs: Needs, gpus: tuple[Gpu, ...]) -> int:
    """How many CPUs a job is given: its part of those that there are for each slot or GPU; 0 when none is left."""
    free = machine.cpus - sum(placed.grant.cpus for placed in running)
    share = machine.cpus / (slots or max(1, len(machine.gpus)))
    if not gpus:
        theirs = machine.cpus - min(len(machine.gpus), machine.cpus - 1)
        held = sum(placed.grant.cpus for placed in running if not placed.grant.gpus)
        return min(max(1, int(share)), theirs - held, free)
    taken = {*gpus, *(gpu for placed in running for gpu in placed.grant.gpus)}
    idle = len(machine.gpus) - len(taken)
    part = sum(min(1.0, needs.min_memory_gb / gpu.memory_gb) if needs.min_memory_gb else 1.0 for gpu in gpus)
    return min(max(1, min(int(share * part), free - idle)), free)
