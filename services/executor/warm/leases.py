"""The leases on a zygote's jobs, and the lock that each job's folder has while a process of it lives.

A worker that is frozen (SIGSTOP, a paused container, a swapped-out machine) cannot stop its jobs when it loses their
leases. So the zygote, a process of its own, knows until when each job is the worker's, and kills it then. Should the
zygote have been frozen too, it is the lock that keeps another worker of this machine from starting the job anew before
the old process is gone: the kernel lets go of a lock (flock(2)) when the last process that holds it has died.
"""

from __future__ import annotations

import fcntl
import math
import os
from pathlib import Path

from services.executor.lease import clock


def lock_file(folder: Path) -> Path:
    """Beside the job's folder, where the job itself cannot write."""
    return folder.with_name(f".{folder.name}.lock")


def is_free(lock: Path) -> bool:
    """Whether no process of an earlier delivery lives. Raises `OSError` where there can be no lock."""
    try:
        os.close(_locked(lock))
    except BlockingIOError:
        return False
    return True


def _locked(lock: Path) -> int:
    """A descriptor that holds the lock. Raises `BlockingIOError` when another one does."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


class Leases:
    """Job's key → until when it is the worker's, and its lock."""

    def __init__(self) -> None:
        self._until: dict[str, float] = {}
        self._locks: dict[str, int] = {}

    def take(self, key: str, lock: str | None, until: float | None) -> None:
        """Begin one. Raises `OSError` when it is over already, or an earlier delivery still runs."""
        if until is not None and clock() >= until:
            raise TimeoutError("the lease is over")
        if lock is not None:
            self._locks[key] = _locked(Path(lock))
        self._until[key] = math.inf if until is None else until

    def renew(self, key: str, until: float) -> None:
        """It holds on until then. What is over stays over: a worker that wakes up late must not revive it."""
        if key in self._until and clock() < self._until[key]:
            self._until[key] = until

    def over(self) -> list[str]:
        """The jobs that have ceased to be the worker's since the last call. They stay locked until `end`."""
        now = clock()
        found = [key for key, until in self._until.items() if now >= until]
        for key in found:
            del self._until[key]
        return found

    def left(self) -> float | None:
        """Seconds until the next one is over; None where none is going to be."""
        soonest = min(self._until.values(), default=math.inf)
        return None if soonest == math.inf else max(0.0, soonest - clock())

    def lock(self, key: str) -> int | None:
        """Descriptor of a job's own."""
        return self._locks.get(key)

    def locks_of_others(self, key: str) -> list[int]:
        """Descriptors that a job must not inherit: it would keep the other jobs' folders locked."""
        return [descriptor for other, descriptor in self._locks.items() if other != key]

    def end(self, key: str) -> None:
        """The job is dead, with all that it started."""
        self._until.pop(key, None)
        descriptor = self._locks.pop(key, None)
        if descriptor is not None:
            os.close(descriptor)
