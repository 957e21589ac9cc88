"""What a job holds of memory and disk, measured from outside. Asked by `limits`.

Where something cannot be measured, since the job has made itself unreadable, the most that it can be is taken; what has
no bound but the job's limits is told by `unseen`.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections import defaultdict
from pathlib import Path

import psutil

from services.executor.sandbox import identity

GB = 1e9
BLOCK = 512
"""Bytes of a unit of `st_blocks` (stat(2))."""
PAGE = os.sysconf("SC_PAGE_SIZE")
MEASURED = 32
_DELETED = b" (deleted)"
_IN_MEMORY = (b"/memfd:", b"/dev/zero ", b"/anon_hugepage ")
"""How the kernel names what is on no disk; the second is memory that is shared and has no name at all."""
ENTRIES = 2_000_000
"""A folder with more files counts as over any limit: it would take too long to look, and inodes are scarce."""


def memory_gb(pid: int, limit_gb: float, shared_gb: float | None, sandboxed: bool = True) -> float:
    """Gigabytes (10⁹ bytes) that a job holds: its processes, and what lies in its shared memory.

    `pid` is its process, or its keeper if it is `sandboxed`; `shared_gb` the size of its /dev/shm, if any. A resident
    set counts a page that forks share once for each, so that the sum can only be too high; the exact shares (PSS, slow
    to read) are asked for when it would break the limit.
    """
    processes = processes_of(pid, sandboxed=sandboxed)
    tmpfs = _unlinked(processes).memory
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
    """Gigabytes (10⁹ bytes) of disk that a job holds: its folder, and files that it has unlinked and keeps, open or
    mapped."""
    return _folder(folder) / GB + _unlinked(processes_of(pid, sandboxed=False)).disk


def processes_of(pid: int, sandboxed: bool) -> list[psutil.Process]:
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
        return int((identity.home_of(process.pid) / "statm").read_text().split()[1]) * PAGE
    except OSError:  # it has ended, and holds nothing
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
        lines = (identity.home_of(process.pid) / "smaps_rollup").read_text().splitlines()
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
    """Files without a name that are held, open or mapped, each once; gigabytes."""

    def __init__(self) -> None:
        self.memory = self.disk = 0.0
        self.shared: set[int] = set()
        """Devices of /dev/shm, which is counted as a whole."""
        self._seen: set[tuple[int, int]] = set()
        self._named: set[tuple[int, bytes]] = set()
        """The same as /proc/pid/maps names them: with its device some file systems are not at one with stat(2)."""
        self._mapped: defaultdict[tuple[int, bytes], int] = defaultdict(int)
        """What could not be measured: up to which byte it is mapped."""

    def opened(self, path: Path) -> None:
        """A link in /proc/pid/fd."""
        try:
            link = os.fsencode(path.readlink())
            if link.endswith(_DELETED):
                self._count(path.stat(), link)
        except OSError:  # closed in between
            return

    def mapped(self, line: bytes, files: Path) -> None:
        """A line of /proc/pid/maps (proc_pid_maps(5)). What is behind it /proc/pid/map_files shows, to root; to others
        as much is known as is mapped."""
        where, _, offset, device, inode, link = line.split(maxsplit=5)
        begin, end = (int(place, 16) for place in where.split(b"-"))
        try:
            self._count((files / f"{begin:x}-{end:x}").stat(), link)
        except OSError:
            if os.makedev(*(int(part, 16) for part in device.split(b":"))) not in self.shared:
                key = int(inode), link
                self._mapped[key] = max(self._mapped[key], int(offset, 16) + end - begin)

    def settle(self) -> None:
        """When all is seen: count what is mapped and nowhere open."""
        for key, size in self._mapped.items():
            if key not in self._named:
                self._add(key[1], size)

    def _count(self, found: os.stat_result, link: bytes) -> None:
        if found.st_nlink or not stat.S_ISREG(found.st_mode):
            return
        self._named.add((found.st_ino, link))
        if (found.st_dev, found.st_ino) not in self._seen and found.st_dev not in self.shared:
            self._seen.add((found.st_dev, found.st_ino))
            self._add(link, found.st_blocks * BLOCK)

    def _add(self, link: bytes, size: int) -> None:
        if link.startswith(_IN_MEMORY):
            self.memory += size / GB
        else:
            self.disk += size / GB


def _unlinked(processes: list[psutil.Process]) -> _Unlinked:
    found = _Unlinked()
    for process in processes:
        home = identity.home_of(process.pid)
        with contextlib.suppress(OSError):
            found.shared.add((home / "root/dev/shm").stat().st_dev)
        with contextlib.suppress(OSError):  # it has ended, or lets nobody look
            for path in (home / "fd").iterdir():
                found.opened(path)
        with contextlib.suppress(OSError):
            for line in (home / "maps").read_bytes().split(b"\n"):
                if line.endswith(_DELETED):
                    found.mapped(line, home / "map_files")
    found.settle()
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
