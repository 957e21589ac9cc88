"""Where jobs run: the interface between the worker and a backend (local now; Ray, Slurm, HF Jobs later).

The worker knows leases, the journal, limits of time and the rules of watching; a backend knows processes.
"""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Protocol, runtime_checkable

from protocol.errors import PostdocsError
from protocol.job import Cause, Job
from protocol.message import Part
from services.executor.inventory.machine import Grant, Machine
from services.executor.job.events import Event
from services.executor.watch.usage import Usage


class BackendFailed(PostdocsError):
    """The backend, not the job, is at fault: the job may be tried again, here or elsewhere."""


class JobRefused(Exception):
    """The job is at fault: it could be started nowhere."""

    def __init__(self, reason: str, cause: Cause) -> None:
        self.cause = cause
        super().__init__(reason)


class Exit(Part):
    """How a job's process ended."""

    code: int | None = None
    signal: int | None = None
    limit: str | None = None
    """The limit that the backend enforced on it, in words with value and limit, if it did."""


class Terms(Part):
    """On which terms a job is started."""

    taken_up: float
    """Monotonic time at which the worker took it from the queue."""
    stop_at: float
    """Monotonic time at which its training ends and is saved."""
    latest: float = math.inf
    """Monotonic time which `stop_at` may not pass, however long the start takes."""
    lease_until: Callable[[], float] = lambda: math.inf
    """By `lease.clock`: the job is ours till then, and on as `Leased.renew` says. Inf: for good. To be asked as late as
    can be: it is renewed while the job is made ready."""
    grant: Grant = Grant()
    steps: int | None = None
    """Each training ends after so many steps. Only the local backend knows this and the next: it runs trials."""
    nice: int = 0
    """By how much the job steps back for others on the machine (nice(2))."""


class Handle(Protocol):
    """A job that runs."""

    @property
    def resumed_from(self) -> str | None:
        """The newest whole checkpoint that was in its folder at the start."""
        ...

    def events(self) -> AsyncIterator[Sequence[Event]]:
        """What it says, in order, as soon as it does; ends when the process has ended and all is told."""
        ...

    async def wait(self) -> Exit:
        """How it ended. Raises `BackendFailed` when the backend lost it."""
        ...

    async def save(self) -> None:
        """Ask it to stop training and to save its model; returns at once."""
        ...

    async def terminate(self) -> None:
        """Ask it to end; returns at once."""
        ...

    async def kill(self) -> None:
        """End it and all that it started; returns when it is gone."""
        ...


@runtime_checkable
class Sampled(Protocol):
    """A handle that can also tell what its job uses of the machine."""

    async def usage(self) -> Usage:
        """Since the last call."""
        ...


@runtime_checkable
class Leased(Protocol):
    """A handle of a job that would run on without its worker, and meet itself when the queue has passed it on."""

    async def renew(self, until: float) -> None:
        """The job is ours till then, by `lease.clock`. When that comes, and no more was said, the worker is frozen: the
        backend ends the job. Returns at once."""
        ...


class Price(Part):
    """What a job is run on where machines are rented."""

    device: str
    """For people: `Nvidia A100 - large`."""
    usd_per_hour: float


@runtime_checkable
class Priced(Protocol):
    """A backend that rents machines."""

    def price(self, job: Job) -> Price | None:
        """Of the machine that the job would be started on; None where there is none for it."""
        ...


class Backend(Protocol):
    """Something that runs jobs."""

    name: str
    machine: Machine
    """What jobs may be given; an elastic backend may learn it when it is opened, and is asked again for each job."""
    sandboxed: bool
    """Whether jobs run in a sandbox of ours."""

    @property
    def device(self) -> str:
        """What jobs run on, for people: `cpu`, `NVIDIA H200`."""
        ...

    async def open(self) -> None:
        """Get ready; a job may be started from now on. Raises `BackendFailed`."""
        ...

    async def start(self, job: Job, terms: Terms) -> Handle:
        """Start a job in its folder.

        Raises `BackendFailed`, and `JobRefused` or `BadJobFolder` when the job itself cannot be started anywhere.
        """
        ...

    async def close(self) -> None:
        """Leave nothing behind."""
        ...
