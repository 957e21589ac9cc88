"""Opening what a job has left: regular files only, through no link, and never for longer than it takes.

Called by `folder`, `tail`, the diagnosis and the courier of artifacts, which read a job's folder outside its sandbox.
The job can put anything there under any name: a link to a file of ours, a FIFO that nobody writes to, a file without
end. It cannot exchange the folder itself, whose parent it may not write to; so what is distrusted is the last part of
a path, and of a longer one each part.
"""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path, PurePosixPath

DEEPEST = 8
"""Folders in a folder that is copied; a checkpoint has one or two."""
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


class NotPlain(OSError):
    """Something else than a regular file of one name stands where one should."""

    def __init__(self, path: Path, what: str) -> None:
        self.path, self.what = path, what
        super().__init__(f"{path} is {what}, not a plain file")


def open_plain(path: Path) -> int:
    """A descriptor for reading. Raises `NotPlain`; `OSError`, of which `FileNotFoundError` is one."""
    try:
        descriptor = os.open(path, _READ)
    except OSError as error:
        if path.is_symlink():
            raise NotPlain(path, "a link") from error
        raise
    what = what_else(os.fstat(descriptor))
    if what is not None:
        os.close(descriptor)
        raise NotPlain(path, what)
    return descriptor


def what_else(found: os.stat_result) -> str | None:
    """None for a regular file that has one name; else what it is. For a link itself, ask `lstat`."""
    if stat.S_ISLNK(found.st_mode):
        return "a link"
    if stat.S_ISDIR(found.st_mode):
        return "a folder"
    if not stat.S_ISREG(found.st_mode):
        return "a FIFO, socket or device"
    return f"one file under {found.st_nlink} names" if found.st_nlink > 1 else None


def copy_plain(home: Path, inside: PurePosixPath, target: Path) -> None:
    """Copy the folder `home/inside` to `target`, which is made: plain files and folders only, while the job that owns
    all below `home` may still be at work in it. Raises `NotPlain`, `OSError`; `target` is then to be removed.

    Each folder is opened from the one that holds it, so that none can become a link between the look and the reading
    (openat(2), "Rationale for openat()").
    """
    here = os.open(home, _FOLDER & ~os.O_NOFOLLOW)
    try:
        for part in inside.parts:
            below = os.open(part, _FOLDER, dir_fd=here)
            os.close(here)
            here = below
        _copy_folder(here, target, 0)
    finally:
        os.close(here)


def _copy_folder(source: int, target: Path, depth: int) -> None:
    if depth > DEEPEST:
        raise NotPlain(target, f"a folder {depth} deep")
    target.mkdir()
    with os.scandir(source) as entries:
        for entry in entries:
            is_folder = entry.is_dir(follow_symlinks=False)
            opened = os.open(entry.name, _FOLDER if is_folder else _READ, dir_fd=source)
            try:
                if is_folder:
                    _copy_folder(opened, target / entry.name, depth + 1)
                else:
                    _copy_file(opened, target / entry.name)
            finally:
                os.close(opened)


def _copy_file(source: int, target: Path) -> None:
    what = what_else(os.fstat(source))
    if what is not None:
        raise NotPlain(target, what)
    with os.fdopen(source, "rb", closefd=False) as read, target.open("xb") as written:
        shutil.copyfileobj(read, written, 1 << 20)
