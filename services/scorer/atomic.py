"""Putting a folder in the place of another in one step, so that a reader finds the old one or the new one.

Called by `ship` to replace `final_model/`.
"""

from __future__ import annotations

import ctypes
import errno
import os
import secrets
import shutil
import sys
from pathlib import Path

_AT_FDCWD = -100
_RENAME_EXCHANGE = 2
"""renameat2(2): swap two paths atomically."""
_UNSUPPORTED = (errno.ENOSYS, errno.EINVAL, errno.ENOTSUP)


def replace_folder(new: Path, place: Path) -> None:
    """Move `new` to `place` and remove what stood there; both must lie on one file system.

    Raises `OSError`. Where the system cannot swap two folders (elsewhere than on Linux, some network file
    systems) there is a moment without either.
    """
    if not place.exists():
        new.rename(place)
        return
    if not _exchange(new, place):
        aside = place.with_name(f".{place.name}.old-{secrets.token_hex(4)}")
        place.rename(aside)
        new.rename(place)
        new = aside
    shutil.rmtree(new, ignore_errors=True)  # the old one: it is out of the way whether or not this succeeds


def _exchange(one: Path, other: Path) -> bool:
    """Swap two paths; False where the system cannot."""
    if sys.platform != "linux":
        return False
    renameat2 = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)  # glibc 2.28, musl 1.2.5
    if renameat2 is None:
        return False
    if renameat2(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _RENAME_EXCHANGE) == 0:
        return True
    code = ctypes.get_errno()
    if code in _UNSUPPORTED:
        return False
    raise OSError(code, os.strerror(code), str(other))
