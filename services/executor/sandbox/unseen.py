"""What a job holds where nobody can measure it: files in flight between sockets, and processes that let nobody look.

Such a file may be as large as the job's limits let it be, and there may be thousands: no training needs that, and the
job is killed. Asked by `limits`.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from services.executor.sandbox import identity
from services.executor.sandbox.usage import processes_of

LOOKS = 8
"""So often in a row files are in flight before that counts: those that data loaders pass on are received at once."""
_IN_FLIGHT = b"scm_fds:"
"""Descriptors that wait in a unix socket to be received (unix_show_fdinfo of Linux)."""


class Unseen:
    """Of one sandboxed job."""

    def __init__(self) -> None:
        self._looks = 0

    def told(self, keeper: int) -> str | None:
        """What there is, in words; `keeper` as in `usage`."""
        in_flight = 0
        for process in processes_of(keeper, sandboxed=True):
            home = identity.home_of(process.pid)
            try:
                in_flight += sum(_in_flight(home))
            except PermissionError:
                if _hides(home):
                    return f"it hides its open files: process {process.pid} has made itself unreadable"
        self._looks = self._looks + 1 if in_flight else 0
        if self._looks < LOOKS:
            return None
        return f"it hides open files: {in_flight} are kept in flight between its sockets"


def _in_flight(home: Path) -> Iterator[int]:
    """Of each of its sockets. Raises `PermissionError`."""
    try:
        opened = list((home / "fd").iterdir())
    except (FileNotFoundError, ProcessLookupError):
        return
    for path in opened:
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # closed in between
            if str(path.readlink()).startswith("socket:"):
                lines = (home / "fdinfo" / path.name).read_bytes().split(b"\n")
                yield sum(int(line.removeprefix(_IN_FLIGHT)) for line in lines if line.startswith(_IN_FLIGHT))


def _hides(home: Path) -> bool:
    """Whether a process that does not let us look has chosen so: all of our own user's do let us, but those that end
    (proc(5)), and a worker that is root and is not let look at others can blame none of them."""
    return identity.of_jobs()[0] == os.geteuid() and identity.has_memory(home)
