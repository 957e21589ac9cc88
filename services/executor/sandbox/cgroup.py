"""A control group for a job's memory, where this user may make one: a limit that the kernel itself keeps.

Elsewhere `limits` looks, and RLIMIT_DATA bounds what grows between two looks. Of version 1 it is below our own group,
of version 2 beside it, since a group with processes has none below it (cgroups(7), "no internal processes").
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import secrets
import time
from dataclasses import dataclass
from pathlib import Path

log = logging.getLogger(__name__)
_PREFIX = "postdocs-"
REMOVE_SECONDS = 2.0
"""The kernel lets go of a group some time after its last process has ended."""


@dataclass(frozen=True)
class Group:
    """One job's."""

    folder: Path
    version: int

    @classmethod
    def make(cls, memory_gb: float) -> Group | None:
        """A group that is limited to so much (10⁹ bytes); None where there can be none."""
        for version, parent in _parents():
            group = cls(parent / f"{_PREFIX}{os.getpid()}-{secrets.token_hex(8)}", version)
            try:
                _sweep(parent)
                group.folder.mkdir()
                group._limit(round(memory_gb * 1e9))
            except OSError as error:
                log.debug("no control group in %s: %s", parent, error)
                group.remove()
            else:
                return group
        return None

    def kills(self) -> int:
        """How many processes the kernel has killed since they took more."""
        name = "memory.events" if self.version == 2 else "memory.oom_control"
        try:
            found = re.search(r"^oom_kill (\d+)$", (self.folder / name).read_text(), re.MULTILINE)
        except OSError:
            return 0
        return int(found[1]) if found else 0

    def most_gb(self) -> float:
        """The most that it has held."""
        name = "memory.peak" if self.version == 2 else "memory.max_usage_in_bytes"
        try:
            return int((self.folder / name).read_text()) / 1e9
        except OSError:  # memory.peak came with Linux 5.19
            return int((self.folder / "memory.max").read_text()) / 1e9

    def remove(self) -> None:
        """When its processes have ended."""
        give_up_at = time.monotonic() + REMOVE_SECONDS
        while self.folder.exists():
            try:
                self.folder.rmdir()
            except OSError as error:
                if time.monotonic() > give_up_at:
                    log.warning("%s is left: %s", self.folder, error)
                    return
                time.sleep(0.02)

    def _limit(self, size: int) -> None:
        if self.version == 2:
            (self.folder / "memory.max").write_text(str(size))
            with contextlib.suppress(FileNotFoundError):  # a kernel without swap
                (self.folder / "memory.swap.max").write_text("0")
        else:
            (self.folder / "memory.limit_in_bytes").write_text(str(size))
            with contextlib.suppress(OSError):
                (self.folder / "memory.memsw.limit_in_bytes").write_text(str(size))
        if not os.access(self.folder / "cgroup.procs", os.W_OK):
            raise PermissionError(f"{self.folder} takes no process")


def _sweep(parent: Path) -> None:
    """Remove what workers have left that were killed; a group in which something lives cannot be removed."""
    for folder in parent.glob(f"{_PREFIX}*-*"):
        worker = folder.name.removeprefix(_PREFIX).split("-")[0]
        if not Path("/proc", worker).exists():
            with contextlib.suppress(OSError):
                folder.rmdir()


def _parents() -> list[tuple[int, Path]]:
    """(version, folder) in which to make groups: of our own group by proc_pid_cgroup(5), and where that is mounted."""
    try:
        groups = Path("/proc/self/cgroup").read_text().splitlines()
        mounts = [line.split(" ") for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    except OSError:
        return []
    found = []
    for number, controllers, path in (line.split(":", 2) for line in groups):
        for fields in mounts:
            kind, options = fields[fields.index("-") + 1], fields[-1].split(",")
            below = os.path.relpath(path, fields[3])
            if below.startswith(".."):
                continue
            own = Path(fields[4], below)
            if number == "0" and kind == "cgroup2" and "memory" in _enabled(own.parent):
                found.append((2, own.parent))
            elif "memory" in controllers.split(",") and kind == "cgroup" and "memory" in options:
                found.append((1, own))
    return found


def _enabled(folder: Path) -> list[str]:
    """Controllers that groups below have."""
    try:
        return (folder / "cgroup.subtree_control").read_text().split()
    except OSError:
        return []
