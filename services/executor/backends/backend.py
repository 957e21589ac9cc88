"""Where jobs run: the interface between the worker and a backend (local now; Ray, Slurm, HF Jobs later).

The worker knows leases, the journal, limits of time and the rules of watching; a backend knows processes.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Protocol

from protocol.errors import PostdocsError
from protocol.job import Job
from protocol.message import Part
from services.executor.inventory.machine import Grant
from services.executor.job.events import Event


class BackendFailed(PostdocsError):
    """The backend, not the job, is at fault: the job may be tried again, here or elsewhere."""


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
    grant: Grant = Grant()


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


class Backend(Protocol):
    """Something that runs jobs."""

    name: str
    device: str
    """What jobs run on, for people: `cpu`, `NVIDIA H200`."""

    async def open(self) -> None:
        """Get ready; a job may be started from now on. Raises `BackendFailed`."""
        ...

    async def start(self, job: Job, terms: Terms) -> Handle:
        """Start a job in its folder.

        Raises `BackendFailed`, and `BadJobFolder` when the job itself cannot be started anywhere.
        """
        ...

    async def close(self) -> None:
        """Leave nothing behind."""
        ...
