"""The Linux system calls that a sandbox is made of, which Python 3.11 does not offer. Used by this folder only.

Each raises `OSError` with the call's name, so that a machine that refuses one says which.
"""

from __future__ import annotations

import contextlib
import ctypes
import os

CLONE_NEWNS = 0x00020000
CLONE_NEWCGROUP = 0x02000000
CLONE_NEWUTS = 0x04000000
CLONE_NEWIPC = 0x08000000
CLONE_NEWUSER = 0x10000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000

MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC = 1, 2, 4, 8
MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE = 0x20, 0x1000, 0x4000, 0x40000
MS_NOATIME, MS_NODIRATIME, MS_RELATIME = 0x400, 0x800, 0x200000
_MNT_DETACH = 2
MOUNT_ATTR_RDONLY, MOUNT_ATTR_NOSUID, MOUNT_ATTR_NODEV, MOUNT_ATTR_IDMAP = 1, 2, 4, 0x100000
_OPEN_TREE, _MOVE_MOUNT, _MOUNT_SETATTR = 428, 429, 442
"""Numbers of system calls, the same on every machine; glibc before 2.36 has no names for them."""
_AT_EMPTY_PATH, _AT_RECURSIVE, _OPEN_TREE_CLONE, _MOVE_FROM_EMPTY, _MOVE_TO_EMPTY = 0x1000, 0x8000, 1, 0x4, 0x40

PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE = 4
PR_CAPBSET_DROP = 24
PR_SET_SECUREBITS = 28
PR_SET_CHILD_SUBREAPER = 36
PR_SET_NO_NEW_PRIVS = 38
PR_CAP_AMBIENT = 47
_PR_CAP_AMBIENT_CLEAR_ALL = 4
_SECBITS_LOCKED = 0x2F
"""NOROOT, NO_SETUID_FIXUP and their locks, and KEEP_CAPS locked off (capabilities(7)): uid 0 means nothing here."""
_CAPABILITY_VERSION_3 = 0x20080522

_libc = ctypes.CDLL(None, use_errno=True)


def _call(name: str, *arguments: object) -> int:
    result = int(getattr(_libc, name)(*arguments))
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")
    return result


def numbered(name: str, number: int, *arguments: object) -> int:
    """A system call by its number, of those that glibc may not know."""
    try:
        return _call("syscall", ctypes.c_long(number), *arguments)
    except OSError as error:
        raise OSError(error.errno, f"{name}: {os.strerror(error.errno or 0)}") from None


def unshare(flags: int) -> None:
    """unshare(2)."""
    _call("unshare", ctypes.c_int(flags))


def mount(source: str, target: str, kind: str | None, flags: int, options: str | None = None) -> None:
    """mount(2). The error names the target."""
    texts = [text.encode() if text is not None else None for text in (source, target, kind, options)]
    try:
        _call("mount", texts[0], texts[1], texts[2], ctypes.c_ulong(flags), texts[3])
    except OSError as error:
        raise OSError(error.errno, f"mount {target}: {os.strerror(error.errno or 0)}") from None


def detach(target: str) -> None:
    """umount2(2), lazily: what is below goes as soon as nobody uses it."""
    _call("umount2", target.encode(), ctypes.c_int(_MNT_DETACH))


def pivot_root(new: str, old: str) -> None:
    """pivot_root(2)."""
    _call("pivot_root", new.encode(), old.encode())


def clone_mount(path: int) -> int:
    """A descriptor of a bind mount, with all below it, that stands nowhere yet (open_tree(2))."""
    flags = ctypes.c_uint(_OPEN_TREE_CLONE | os.O_CLOEXEC | _AT_EMPTY_PATH | _AT_RECURSIVE)
    return numbered("open_tree", _OPEN_TREE, ctypes.c_int(path), b"", flags)


def set_mount(mount: int, attributes: int, user_namespace: int) -> None:
    """mount_setattr(2) of a mount by `clone_mount`, with all below it; ids are mapped by the user namespace."""
    given = (ctypes.c_uint64 * 4)(attributes | MOUNT_ATTR_IDMAP, 0, 0, user_namespace)  # struct mount_attr
    flags = ctypes.c_uint(_AT_EMPTY_PATH | _AT_RECURSIVE)
    size = ctypes.c_size_t(ctypes.sizeof(given))
    numbered("mount_setattr", _MOUNT_SETATTR, ctypes.c_int(mount), b"", flags, given, size)


def move_mount(mount: int, place: int) -> None:
    """move_mount(2) of a mount by `clone_mount` to a path."""
    flags = ctypes.c_uint(_MOVE_FROM_EMPTY | _MOVE_TO_EMPTY)
    numbered("move_mount", _MOVE_MOUNT, ctypes.c_int(mount), b"", ctypes.c_int(place), b"", flags)


def set_hostname(name: str) -> None:
    """sethostname(2)."""
    _call("sethostname", name.encode(), ctypes.c_size_t(len(name)))


def prctl(option: int, *arguments: int) -> None:
    """prctl(2)."""
    given = [*arguments, 0, 0, 0, 0][:4]
    _call("prctl", ctypes.c_int(option), *(ctypes.c_ulong(value) for value in given))


def prctl_pointer(option: int, mode: int, pointer: ctypes.c_void_p) -> None:
    """prctl(2) with a pointer for its third argument."""
    _call("prctl", ctypes.c_int(option), ctypes.c_ulong(mode), pointer, ctypes.c_ulong(0), ctypes.c_ulong(0))


def drop_bounds() -> None:
    """Empty the bounding set and lock the secure bits, where we may: nothing that is executed gains a capability."""
    with contextlib.suppress(OSError):  # EPERM without CAP_SETPCAP, when there is nothing to give away
        prctl(PR_SET_SECUREBITS, _SECBITS_LOCKED)
    for capability in range(64):
        try:
            prctl(PR_CAPBSET_DROP, capability)
        except OSError:  # EINVAL: the kernel has no more
            return


def drop_capabilities() -> None:
    """Give up every capability: effective, permitted, inheritable, ambient. No process can get them back."""
    drop_bounds()
    with contextlib.suppress(OSError):  # a kernel before 4.3 has no ambient set
        prctl(PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL)
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    _call("capset", header, (ctypes.c_uint32 * 6)())


def die_with_parent(number: int) -> None:
    """PR_SET_PDEATHSIG. A change of user clears it: set it anew after one."""
    prctl(PR_SET_PDEATHSIG, number)
