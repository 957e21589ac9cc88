"""Landlock rulesets (https://docs.kernel.org/userspace-api/landlock.html), of which Python has no wrapper.

Used by `landlock` only.
"""

from __future__ import annotations

import ctypes
import errno
import os
import stat
from types import TracebackType

from services.executor.sandbox import system

# linux/landlock.h
EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
MAKE_CHAR, MAKE_SOCK, MAKE_BLOCK = 1 << 6, 1 << 9, 1 << 11
TRUNCATE, IOCTL_DEV = 1 << 14, 1 << 15
ALL = (1 << 16) - 1
OF_FILES = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEV
"""What can be allowed of a path that is no folder."""
_TCP = 3
"""To bind and to connect: none of it is allowed."""
_SCOPES = 3
"""Abstract unix sockets and signals: only within the domain, and of those below it."""
ABI = 6
"""That has them (Linux 6.12)."""
_CREATE, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_VERSION, _PATH_BENEATH = 1, 1


def version() -> int:
    """Of Landlock in this kernel. Raises `OSError` where there is none, or it is switched off."""
    return system.numbered("Landlock", _CREATE, None, ctypes.c_size_t(0), ctypes.c_uint(_VERSION))


class _PathBeneath(ctypes.Structure):
    """struct landlock_path_beneath_attr."""

    _pack_ = 1
    _fields_ = [("allowed", ctypes.c_uint64), ("parent", ctypes.c_int32)]


class Ruleset:
    """What a domain may do with files; nothing, until it is allowed. Open until its block ends."""

    def __init__(self, files: bool) -> None:
        """Without `files` it is about signals and sockets only. Raises `OSError`."""
        found = version()
        if found < ABI:
            raise OSError(errno.ENOSYS, f"Landlock's ABI is {found} here, and {ABI} is needed (Linux 6.12)")
        handled = (ctypes.c_uint64 * 3)(ALL if files else 0, _TCP if files else 0, _SCOPES)
        size = ctypes.c_size_t(ctypes.sizeof(handled))
        self._descriptor = system.numbered("landlock_create_ruleset", _CREATE, handled, size, ctypes.c_uint(0))

    def allow(self, path: int, rights: int) -> None:
        """At and below a path, given by a descriptor (O_PATH). Raises `OSError`."""
        if not stat.S_ISDIR(os.fstat(path).st_mode):
            rights &= OF_FILES
        rule = _PathBeneath(rights, path)
        given = (ctypes.c_int(self._descriptor), ctypes.c_int(_PATH_BENEATH), ctypes.byref(rule), ctypes.c_uint(0))
        system.numbered("landlock_add_rule", _ADD_RULE, *given)

    def enter(self) -> None:
        """Into a domain of its own, below the present one, for good. no_new_privs must be set. Raises `OSError`."""
        given = (ctypes.c_int(self._descriptor), ctypes.c_uint(0))
        system.numbered("landlock_restrict_self", _RESTRICT_SELF, *given)

    def __enter__(self) -> Ruleset:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        os.close(self._descriptor)
