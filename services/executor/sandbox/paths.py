"""Paths of the machine and of the sandbox while its root is being built, followed with care. Used by `root`.

By then the machine's own root is at `OLD` and the sandbox's at `NEW`.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

from services.executor.sandbox import system

OLD, NEW = "/old", "/new"
_LINKS = 40
"""Followed one after the other, as the kernel does (path_resolution(7))."""
_FLAGS = {
    "ro": system.MS_RDONLY,
    "nosuid": system.MS_NOSUID,
    "nodev": system.MS_NODEV,
    "noexec": system.MS_NOEXEC,
    "noatime": system.MS_NOATIME,
    "nodiratime": system.MS_NODIRATIME,
    "relatime": system.MS_RELATIME,
}


def real(path: Path) -> str | None:
    """The path on the machine without links in it; None where there is nothing."""
    current, links = "/", 0
    left = list(reversed(path.parts[1:]))
    while left:
        part = left.pop()
        if part == "..":
            current = str(Path(current).parent)
            continue
        candidate = str(Path(current, part))
        try:
            is_link = stat.S_ISLNK(Path(OLD + candidate).lstat().st_mode)
            target = str(Path(OLD + candidate).readlink()) if is_link else ""
        except OSError:
            return None
        if not is_link:
            current = candidate
            continue
        links += 1
        if links > _LINKS:
            return None
        if target.startswith("/"):
            current = "/"
        left.extend(reversed([part for part in target.split("/") if part not in ("", ".")]))
    return current


def outermost(paths: Iterable[str]) -> list[str]:
    """Those that are not below another of them, shortest first."""
    kept: list[str] = []
    for path in sorted(paths, key=len):
        if not any(Path(path).is_relative_to(above) for above in kept):
            kept.append(path)
    return kept


def open_source(path: str, root: str = OLD) -> int:
    """A descriptor (O_PATH) of a path of the machine, in which no part is a link. Raises `OSError`."""
    here = os.open(root, os.O_PATH | os.O_DIRECTORY)
    for part in Path(path).parts[1:]:
        try:
            below = os.open(part, os.O_PATH | os.O_NOFOLLOW, dir_fd=here)
        except OSError as error:
            raise OSError(error.errno, f"cannot show {path}: {os.strerror(error.errno or 0)}") from None
        finally:
            os.close(here)
        here = below
        if stat.S_ISLNK(os.fstat(here).st_mode):
            os.close(here)
            raise OSError(errno.ELOOP, f"cannot show {path}: {part} has become a link")
    return here


def make_target(path: str, folder: bool) -> int:
    """A descriptor of a folder or file in the new root, made where there is none, through no link. Raises `OSError`."""
    here = os.open(NEW, os.O_PATH | os.O_DIRECTORY)
    parts = Path(path).parts[1:]
    for place, part in enumerate(parts, 1):
        try:
            if place < len(parts) or folder:
                with contextlib.suppress(FileExistsError):
                    os.mkdir(part, 0o755, dir_fd=here)
                below = os.open(part, os.O_PATH | os.O_NOFOLLOW | os.O_DIRECTORY, dir_fd=here)
            else:
                with contextlib.suppress(FileExistsError):
                    os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644, dir_fd=here))
                below = os.open(part, os.O_PATH | os.O_NOFOLLOW, dir_fd=here)
        except OSError as error:
            raise OSError(error.errno, f"no place for {path}: {os.strerror(error.errno or 0)}") from None
        finally:
            os.close(here)
        here = below
    return here


def mounts() -> Iterator[tuple[str, int]]:
    """(path in the new root, flags) of every mount there, in order, from /proc/self/mountinfo (proc(5))."""
    for line in Path(OLD, "proc/self/mountinfo").read_text().splitlines():
        fields = line.split(" ")
        path = re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), fields[4])
        if path == NEW or path.startswith(NEW + "/"):
            flags = 0
            for option in fields[5].split(","):
                flags |= _FLAGS.get(option, 0)
            yield path[len(NEW) :] or "/", flags
