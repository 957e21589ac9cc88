"""Root's private files, shown to root's jobs: by a mount on which root and `nobody` have changed places.

Weights are saved with mode 0600 (safetensors), temporary folders are made with 0700 (tempfile), and in a container
everybody is root; jobs are not (`identity`). Such files are bind-mounted with their ids mapped
(mount_setattr(2), "ID-mapped mounts"; Linux 5.12, and a file system that allows it), read-only as all that is read.
`reads` finds out whether it is needed and possible, `root` mounts. Nothing on the disk changes.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from services.executor.sandbox import system
from services.executor.sandbox.identity import NOBODY

_LAST = (1 << 32) - 1
"""No id (user_namespaces(7): 2³² - 1 ids at most)."""
_MAP = (
    f"0 {NOBODY} 1",
    f"1 1 {NOBODY - 1}",
    f"{NOBODY} 0 1",
    f"{NOBODY + 1} {NOBODY + 1} {_LAST - NOBODY - 1}",
)
_ATTRIBUTES = system.MOUNT_ATTR_RDONLY | system.MOUNT_ATTR_NOSUID | system.MOUNT_ATTR_NODEV
_HOLDER = f"""
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
if libc.unshare({system.CLONE_NEWUSER}):
    sys.exit(os.strerror(ctypes.get_errno()))
os.write(1, b"1")
os.read(0, 1)
"""


def swapped(uid: int) -> int:
    """The owner that a file is shown with."""
    return {0: NOBODY, NOBODY: 0}.get(uid, uid)


@contextlib.contextmanager
def mapping() -> Iterator[int]:
    """A descriptor of the user namespace that says which id is which. Root's to make. Raises `OSError`."""
    argv = [sys.executable, "-I", "-S", "-c", _HOLDER]
    with subprocess.Popen(
        argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={}
    ) as holder:
        assert holder.stdout is not None and holder.stderr is not None
        if not holder.stdout.read(1):
            raise OSError(f"a user namespace cannot be made: {holder.stderr.read().decode().strip()}")
        for kind in ("uid_map", "gid_map"):
            Path(f"/proc/{holder.pid}/{kind}").write_text("\n".join(_MAP))
        found = os.open(f"/proc/{holder.pid}/ns/user", os.O_RDONLY | os.O_CLOEXEC)
        holder.kill()
    try:
        yield found
    finally:
        os.close(found)


def mapped(path: int, by: int) -> int:
    """A descriptor of a mount of the path, an open one, that stands nowhere yet. Raises `OSError`."""
    made = system.clone_mount(path)
    try:
        system.set_mount(made, _ATTRIBUTES, by)
    except OSError:
        os.close(made)
        raise
    return made


def fault(path: Path) -> str | None:
    """None where files there can be shown so; else why not."""
    try:
        with mapping() as by:
            opened = os.open(path, os.O_PATH | os.O_CLOEXEC)
            try:
                os.close(mapped(opened, by))
            finally:
                os.close(opened)
    except OSError as error:
        return error.strerror or str(error)
    return None
