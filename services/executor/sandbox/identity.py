"""As whom jobs run, and whose their folders are.

An ordinary user's jobs run as that user, without a capability. Root's do not: the kernel does not bind root by
RLIMIT_NPROC, nor by the modes of files. They run as `nobody`, to whom their folders are handed over.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from pathlib import Path

import psutil

from services.executor.files.folder import BadJobFolder

NOBODY = 65534


def of_jobs() -> tuple[int, int]:
    """User and group id that jobs of this process run as, seen from outside. Raises `PermissionError` where they would
    run as the machine's root, to whom /proc/sys listens whatever its capabilities."""
    if os.geteuid() != 0:
        return os.geteuid(), os.getegid()
    if _outside(NOBODY) is not None:
        return NOBODY, NOBODY
    if _outside(0) == 0:
        raise PermissionError(errno.EPERM, "root can become no other user here, and jobs must not be root")
    return 0, os.getegid()  # of a container of one user, who outside is not root


def _outside(uid: int) -> int | None:
    """What the id is in the user namespace around this one (user_namespaces(7)); None where this one has no such id."""
    for first, outer, count in (map(int, line.split()) for line in Path("/proc/self/uid_map").read_text().splitlines()):
        if first <= uid < first + count:
            return outer + uid - first
    return None


def hand_over(folder: Path, uid: int, gid: int) -> None:
    """Make the folder and all in it the job's own, following no link; nothing happens where that is so already.

    To be called while no job runs in it. Raises `BadJobFolder`.
    """
    if os.geteuid() != 0 or uid == 0:
        return
    try:
        for _, folders, files, here in os.fwalk(folder, follow_symlinks=False):
            for name in (".", *folders, *files):
                found = os.stat(name, dir_fd=here, follow_symlinks=False)
                if (found.st_uid, found.st_gid) != (uid, gid):
                    os.chown(name, uid, gid, dir_fd=here, follow_symlinks=False)
    except (OSError, RecursionError) as error:
        raise BadJobFolder(f"{folder} cannot be handed over to user {uid}: {error}") from error


def job_of(keeper: int) -> int:
    """Process id of the job of a sandbox's keeper, seen from outside: the namespace's second process, or init's first
    child where there is no namespace; while there is none, the keeper's own."""
    try:
        children = psutil.Process(keeper).children()
        numbers = {pid_inside(child.pid): child.pid for child in children}
        if 1 in numbers or 2 in numbers:
            return numbers.get(2, keeper)
        below = [child for init in children for child in init.children()]
        return min(below, key=lambda child: (child.create_time(), child.pid)).pid if below else keeper
    except psutil.NoSuchProcess:
        return keeper


def pid_inside(pid: int) -> int | None:
    """The number that a process has in its own pid namespace; None where it is gone."""
    found = _status(Path(f"/proc/{pid}"), "NSpid")
    return int(found.split()[-1]) if found is not None else None


def is_confined(pid: int) -> bool:
    """Whether a process has the filter of system calls, which is put on when a job's own code is to begin."""
    return _status(Path(f"/proc/{pid}"), "Seccomp") == "2"


def has_memory(home: Path) -> bool:
    """Whether a process, or a thread, by its folder in /proc, is not on its way out: then its memory goes first."""
    return _status(home, "VmRSS") is not None


def home_of(pid: int) -> Path:
    """A process's folder in /proc; that of another thread where the first has ended, by which it seems to be over."""
    home = Path(f"/proc/{pid}")
    if not has_memory(home):
        with contextlib.suppress(OSError):
            return next((thread for thread in (home / "task").iterdir() if has_memory(thread)), home)
    return home


def _status(home: Path, name: str) -> str | None:
    """A line of proc_pid_status(5). A process names itself, in any bytes but a newline: they are no text, and the
    other line breaks that Python knows break no line here."""
    try:
        lines = (home / "status").read_bytes().split(b"\n")
    except OSError:
        return None
    key = f"{name}:".encode()
    return next((line.removeprefix(key).decode().strip() for line in lines if line.startswith(key)), None)


def can_read(path: Path, uid: int) -> bool:
    """Whether user `uid`, with no group of its own, can read the file, or list and enter the folder."""
    if uid == os.geteuid():
        return os.access(path, os.R_OK)
    found = path.stat()
    return lets_read(found.st_mode, found.st_uid == uid)


def can_reach(path: Path, uid: int) -> bool:
    """Whether user `uid`, with no group of its own, can enter all folders above."""
    if uid == os.geteuid():
        return True
    modes = ((found.st_mode >> 6 if found.st_uid == uid else found.st_mode) for found in map(Path.stat, path.parents))
    return all(mode & 1 for mode in modes)


def lets_read(mode: int, owner: bool) -> bool:
    """Whether a file or folder of this mode can be read by its owner, or by everybody."""
    wanted = 5 if stat.S_ISDIR(mode) else 4
    return (mode >> 6 if owner else mode) & wanted == wanted
