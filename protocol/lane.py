"""Lanes of the work queue: one for the jobs of a run that need the same of a machine, at one priority.

A worker chooses among lanes before it takes a job, so a lane's name says all that placement must know.
"""

from __future__ import annotations

import re
from functools import lru_cache
from urllib.parse import quote, unquote

from protocol import subjects
from protocol.job import Job, Needs
from protocol.message import Part, message_id

_TOKEN = re.compile(
    r"(?:cpu|g(?P<gpus>\d+))(?:-m(?P<gpu>[\d_]+))?(?:-r(?P<host>[\d_]+))?(?:-b(?P<backend>[a-z_]+))?(?:-k(?P<kind>.+))?"
)
_PARTS = 6
"""Tokens of a job's subject: `jobs`, queue, priority, run, needs, job."""


class Lane(Part):
    """Where jobs wait that only their order tells apart."""

    queue: str
    priority: int
    run: str
    needs: Needs = Needs()
    """Without what has no bearing on placement."""

    @property
    def filter(self) -> str:
        """Matches the subjects of its jobs, and of no other lane's: a work queue admits no overlap."""
        return self.subject("*")

    @property
    def consumer(self) -> str:
        """Name of its durable consumer: to be read by people, and made one of its kind by the hash."""
        legible = re.sub(r"[^A-Za-z0-9_-]", "_", f"{self.queue}-{self.run}-p{self.priority}-{needs_token(self.needs)}")
        return f"{legible[:80]}-{message_id(self.filter)[:8]}"

    def subject(self, job: str) -> str:
        return subjects.job(self.queue, self.priority, self.run, needs_token(self.needs), job)


def lane_of(job: Job) -> Lane:
    """The lane in which a job waits; the same job is always in the same."""
    return Lane(queue=job.queue, priority=job.priority, run=job.run, needs=placed_by(job.spec.needs))


def placed_by(needs: Needs) -> Needs:
    """What of a job's needs placement goes by."""
    return parse_needs(needs_token(needs))


@lru_cache(maxsize=4096)
def parse_lane(subject: str) -> Lane | None:
    """The lane that a job's subject, or a lane's filter, names; None where it names none."""
    parts = subject.split(".")
    if len(parts) != _PARTS or parts[0] != "jobs" or not (parts[2].isdecimal() and len(parts[2]) == 1):
        return None
    try:
        lane = Lane(queue=parts[1], priority=int(parts[2]), run=parts[3], needs=parse_needs(parts[4]))
    except ValueError:
        return None
    return lane if lane.subject(parts[5]) == subject else None  # `g0` is no lane: the jobs without a GPU are in `cpu`


def needs_token(needs: Needs) -> str:
    """`cpu`, `g1`, `g2-kh100`, `g1-m20-ka100`, `cpu-r8_5-bray`: GPUs, memory on each (m), host memory (r), backend (b),
    kind (k)."""
    parts = [f"g{needs.gpus}" if needs.gpus else "cpu"]
    if needs.gpus and needs.min_memory_gb is not None:
        parts.append(f"m{_number(needs.min_memory_gb)}")
    if needs.memory_gb is not None:
        parts.append(f"r{_number(needs.memory_gb)}")
    if needs.backend is not None:
        parts.append(f"b{needs.backend}")
    if needs.gpus and needs.kind:
        parts.append("k" + quote(needs.kind.lower(), safe="").replace(".", "%2E"))
    return "-".join(parts)


def parse_needs(token: str) -> Needs:
    """What a needs token says. Raises `ValueError` when it is none."""
    found = _TOKEN.fullmatch(token)
    if found is None:
        raise ValueError(f"{token!r} does not say what a job needs")
    gpu, host, kind = found["gpu"], found["host"], found["kind"]
    return Needs(
        gpus=int(found["gpus"] or 0),
        min_memory_gb=float(gpu.replace("_", ".")) if gpu else None,
        memory_gb=float(host.replace("_", ".")) if host else None,
        kind=unquote(kind) if kind else None,
        backend=found["backend"],
    )


def _number(value: float) -> str:
    """Megabytes are fine enough; a subject's token has no dot."""
    return f"{max(value, 0.001):.3f}".rstrip("0").rstrip(".").replace(".", "_")
