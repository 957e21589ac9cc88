"""What a job holds of memory and disk, measured from outside. Asked by `limits`.

Where something cannot be measured, since the job has made itself unreadable, the most that it can be is taken.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from pathlib import Path

import psutil

from services.executor.sandbox import identity

GB = 1e9
BLOCK = 512
"""Bytes of a unit of `st_blocks` (stat(2))."""
MEASURED = 32
ENTRIES = 2_000_000
"""A folder with more files counts as over any limit: it would take too long to look, and inodes are scarce."""


def memory_gb(pid: int, limit_gb: float, shared_gb: float | None, sandboxed: bool = True) -> float:
    """Gigabytes (10⁹ bytes) that a job holds: its processes, and what lies in its shared memory.

    `pid` is its process, or its keeper if it is `sandboxed`; `shared_gb` the size of its /dev/shm, if any. A resident
    set counts a page that forks share once for each, so that the sum can only be too high; the exact shares (PSS, slow
    to read) are asked for when it would break the limit.
    """
    processes = _processes(pid, sandboxed=sandboxed)
    tmpfs = _unlinked(processes, "fd").memory
    if shared_gb is not None:
        tmpfs += _shared(processes, shared_gb)
    resident = sum(_resident(process) for process in processes) / GB
    if resident + tmpfs <= limit_gb:
        return resident + tmpfs
    exact, mapped = 0.0, 0.0
    for process, weight in _sample(processes):
        pss, of_it_shared = _pss(process)
        exact, mapped = exact + weight * pss / GB, mapped + weight * of_it_shared / GB
    return exact + max(0.0, tmpfs - mapped)


def disk_gb(pid: int, folder: Path) -> float:
    """Gigabytes (10⁹ bytes) of disk that a job holds: its folder, and files that it has unlinked and keeps open."""
    processes = _processes(pid, sandboxed=False)
    return _folder(folder) / GB + _unlinked(processes, "fd", "map_files").disk  # the latter is for root to read


def _processes(pid: int, sandboxed: bool) -> list[psutil.Process]:
    """All of a job's; of a sandbox those that run its code, not what is ours: keeper, init, forwarder, and the job
    itself on its way in. They hold nothing of their own, and let no other user look."""
    try:
        first = psutil.Process(pid)
        below = first.children(recursive=True)
    except psutil.NoSuchProcess:
        return []
    return [process for process in below if identity.is_confined(process.pid)] if sandboxed else [first, *below]


def _resident(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.Error:  # it has ended, and holds nothing
        return 0


def _sample(processes: list[psutil.Process]) -> list[tuple[psutil.Process, float]]:
    """The largest, and of the others so many that stand for all, each with its weight: a fork bomb has hundreds of
    processes, of which each takes up to a tenth of a second to measure."""
    by_size = sorted(processes, key=_resident, reverse=True)
    rest = by_size[MEASURED:]
    some = rest[:: max(1, len(rest) // MEASURED)]
    return [(process, 1.0) for process in by_size[:MEASURED]] + [(process, len(rest) / len(some)) for process in some]


def _pss(process: psutil.Process) -> tuple[int, int]:
    """Bytes of its proportional share, and how much of it is shared memory (/proc/pid/smaps_rollup, proc(5))."""
    try:
        lines = Path(f"/proc/{process.pid}/smaps_rollup").read_text().splitlines()
    except PermissionError:
        return _resident(process), 0
    except OSError:  # it has ended
        return 0, 0
    figures = {line.split(":")[0]: 1024 * int(line.split()[1]) for line in lines[1:]}
    return figures.get("Pss", 0), figures.get("Pss_Shmem", 0)


def _shared(processes: list[psutil.Process], most: float) -> float:
    """What lies in the sandbox's /dev/shm, mapped or not."""
    for process in processes:
        try:
            found = os.statvfs(f"/proc/{process.pid}/root/dev/shm")
        except PermissionError:
            return most
        except OSError:  # it has ended, or is still on its way in
            continue
        if found.f_frsize * found.f_blocks / GB <= most * 1.001:
            return (found.f_blocks - found.f_bfree) * found.f_frsize / GB
    return 0.0


class _Unlinked:
    """Files without a name that are held open, each once; gigabytes."""

    def __init__(self) -> None:
        self.memory = self.disk = 0.0
        self._seen: set[tuple[int, int]] = set()
        self.shared: set[int] = set()
        """Devices of /dev/shm, which is counted as a whole."""

    def add(self, path: Path) -> None:
        try:
            link = str(path.readlink())
            if not link.endswith("(deleted)"):
                return
            found = path.stat()
        except OSError:  # closed in between
            return
        if found.st_nlink or not stat.S_ISREG(found.st_mode) or (found.st_dev, found.st_ino) in self._seen:
            return
        self._seen.add((found.st_dev, found.st_ino))
        held = found.st_blocks * BLOCK / GB
        if link.startswith("/memfd:"):
            self.memory += held
        elif found.st_dev not in self.shared:
            self.disk += held


def _unlinked(processes: list[psutil.Process], *places: str) -> _Unlinked:
    found = _Unlinked()
    for process in processes:
        with contextlib.suppress(OSError):
            found.shared.add(Path(f"/proc/{process.pid}/root/dev/shm").stat().st_dev)
        for place in places:
            with contextlib.suppress(OSError):  # it has ended, or lets nobody look
                for path in Path(f"/proc/{process.pid}/{place}").iterdir():
                    found.add(path)
    return found


def _folder(root: Path) -> float:
    """Bytes on disk of all below, following no link."""
    size, entries, left = 0, 0, [str(root)]
    while left:
        try:
            with os.scandir(left.pop()) as found:
                for entry in found:
                    entries += 1
                    size += _blocks(entry)
                    if entry.is_dir(follow_symlinks=False):
                        left.append(entry.path)
        except OSError as error:
            if error.errno in (errno.EACCES, errno.ENAMETOOLONG):  # no training hides what it writes
                return float("inf")
        if entries > ENTRIES:
            return float("inf")
    return float(size)


def _blocks(entry: os.DirEntry[str]) -> int:
    try:
        return entry.stat(follow_symlinks=False).st_blocks * BLOCK
    except OSError:
        return 0
