"""A filter of system calls for jobs (seccomp(2)): what no training needs and what many escapes began with is refused.

The list follows the default profile of Docker (https://docs.docker.com/engine/security/seccomp/), without what
capabilities forbid anyway and can only be tried in vain. Namespaces, limits and the absence of capabilities are what
the sandbox rests on; this makes the kernel's own faults harder to reach.
"""

from __future__ import annotations

import ctypes
import errno
import platform
import struct
from typing import NamedTuple

from services.executor.sandbox import seccomp_alone as more
from services.executor.sandbox import system

# (x86_64, aarch64) numbers: arch/x86/entry/syscalls/syscall_64.tbl, include/uapi/asm-generic/unistd.h; -1: not there
DENIED: dict[str, tuple[int, int]] = {
    "acct": (163, 89),
    "add_key": (248, 217),
    "adjtimex": (159, 171),
    "bpf": (321, 280),
    "chroot": (161, 51),
    "clock_adjtime": (305, 266),
    "clock_settime": (227, 112),
    "delete_module": (176, 106),
    "fanotify_init": (300, 262),
    "finit_module": (313, 273),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fsopen": (430, 430),
    "fspick": (433, 433),
    "init_module": (175, 105),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "io_uring_setup": (425, 425),
    "ioperm": (173, -1),
    "iopl": (172, -1),
    "kcmp": (312, 272),
    "kexec_file_load": (320, 294),
    "kexec_load": (246, 104),
    "keyctl": (250, 219),
    "lookup_dcookie": (212, 18),
    "modify_ldt": (154, -1),
    "mount": (165, 40),
    "mount_setattr": (442, 442),
    "move_mount": (429, 429),
    "msgget": (68, 186),
    "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265),
    "open_tree": (428, 428),
    "open_tree_attr": (467, 467),
    "perf_event_open": (298, 241),
    "pidfd_getfd": (438, 438),
    "pivot_root": (155, 41),
    "process_madvise": (440, 440),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "ptrace": (101, 117),
    "quotactl": (179, 60),
    "quotactl_fd": (443, 443),
    "reboot": (169, 142),
    "request_key": (249, 218),
    "setns": (308, 268),
    "settimeofday": (164, 170),
    "shmget": (29, 194),
    "swapoff": (168, 225),
    "swapon": (167, 224),
    "syslog": (103, 116),
    "umount2": (166, 39),
    "unshare": (272, 97),
    "userfaultfd": (323, 282),
    "uselib": (134, -1),
    "vhangup": (153, 58),
}
_CLONE, _CLONE3, _SOCKET, _IOCTL = (56, 220), (435, 435), (41, 198), (16, 29)
_CLONE_FLAGS = 0x7E028080
"""CLONE_PARENT (a job is nobody else's parent), NEWTIME, NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET."""
_THREAD, _FILES = 0x10000, 0x400
"""CLONE_THREAD only with CLONE_FILES: what a thread has open that is not its process's, `usage` would not see."""
_CLOSE_RANGE, _UNSHARE = (436, 436), 2
"""close_range(2) with CLOSE_RANGE_UNSHARE would part them later."""
_FAMILIES = (1, 2, 10, 16)
"""AF_UNIX, AF_INET, AF_INET6, AF_NETLINK. Not AF_VSOCK, which leads out of a virtual machine, nor any other."""
_TIOCSTI, _TIOCLINUX = 0x5412, 0x541C
"""Would type into the terminal that a worker was started from."""
_X32 = 0x40000000

# linux/filter.h, linux/seccomp.h, linux/audit.h
_LOAD, _JEQ, _JGE, _JSET, _AND, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x54, 0x06
_ALLOW, _ERRNO = 0x7FFF0000, 0x00050000
_NUMBER, _ARCH, _ARG0, _ARG1, _ARG2 = 0, 4, 16, 24, 32
_MODE_FILTER = 2
_PR_SET_SECCOMP = 22


class _Machine(NamedTuple):
    column: int
    """Of the pairs above."""
    audit: int


_MACHINES = {"x86_64": _Machine(0, 0xC000003E), "aarch64": _Machine(1, 0xC00000B7)}


class _Instruction(NamedTuple):
    """struct sock_filter."""

    code: int
    if_true: int
    if_false: int
    k: int


def program(machine: str, alone: bool = False) -> list[_Instruction]:
    """The filter as classic BPF for `x86_64` or `aarch64`; `alone`: there are no namespaces beside it. Raises
    `OSError` for another machine."""
    known = _MACHINES.get(machine)
    if known is None:
        raise OSError(errno.ENOSYS, f"no system call filter for {machine}: x86_64 and aarch64 are known")
    deny, allow = (_Instruction(_RETURN, 0, 0, _ERRNO | errno.EPERM), _Instruction(_RETURN, 0, 0, _ALLOW))
    absent = _Instruction(_RETURN, 0, 0, _ERRNO | errno.ENOSYS)
    made = [_Instruction(_LOAD, 0, 0, _ARCH), _Instruction(_JEQ, 1, 0, known.audit), deny]  # no 32-bit calls
    made += [_Instruction(_LOAD, 0, 0, _NUMBER), _Instruction(_JGE, 0, 1, _X32), deny]
    for pair in DENIED.values():
        if pair[known.column] >= 0:
            made += [_Instruction(_JEQ, 0, 1, pair[known.column]), deny]
    made += _alone(known.column, deny, allow) if alone else []
    made += [_Instruction(_JEQ, 0, 1, _CLONE3[known.column]), absent]  # its flags cannot be seen; clone is used then
    made += [_Instruction(_JEQ, 0, 6, _CLONE[known.column]), _Instruction(_LOAD, 0, 0, _ARG0)]
    made += [_Instruction(_JSET, 2, 0, _CLONE_FLAGS), _Instruction(_AND, 0, 0, _THREAD | _FILES)]
    made += [_Instruction(_JEQ, 0, 1, _THREAD), deny, allow]
    made += [_Instruction(_JEQ, 0, 4, _CLOSE_RANGE[known.column]), _Instruction(_LOAD, 0, 0, _ARG2)]
    made += [_Instruction(_JSET, 0, 1, _UNSHARE), deny, allow]
    made += [_Instruction(_JEQ, 0, 3 + len(_FAMILIES), _SOCKET[known.column]), _Instruction(_LOAD, 0, 0, _ARG0)]
    made += [_Instruction(_JEQ, len(_FAMILIES) - place, 0, family) for place, family in enumerate(_FAMILIES)]
    made += [deny, allow]
    made += [_Instruction(_JEQ, 0, 4, _IOCTL[known.column]), _Instruction(_LOAD, 0, 0, _ARG1)]
    made += [_Instruction(_JEQ, 1, 0, _TIOCSTI), _Instruction(_JEQ, 0, 1, _TIOCLINUX), deny]
    return [*made, allow]


def _alone(column: int, deny: _Instruction, allow: _Instruction) -> list[_Instruction]:
    """`seccomp_alone`; the number is loaded before and after."""
    made: list[_Instruction] = []
    ignore = _Instruction(_RETURN, 0, 0, _ERRNO)
    for pairs, answer in ((more.DENIED, deny), (more.IGNORED, ignore)):
        for pair in pairs.values():
            if pair[column] >= 0:
                made += [_Instruction(_JEQ, 0, 1, pair[column]), answer]
    load = [_Instruction(_LOAD, 0, 0, argument) for argument in (_ARG0, _ARG1, _ARG2)]
    made += [_Instruction(_JEQ, 0, 4, more.UTIMENSAT[column]), load[2], _Instruction(_JEQ, 0, 1, 0), deny, ignore]
    for pair in more.OF_ITSELF.values():
        made += [_Instruction(_JEQ, 0, 4, pair[column]), load[0], _Instruction(_JEQ, 0, 1, 0), allow, deny]
    made += [_Instruction(_JEQ, 0, 6, more.SETPRIORITY[column]), load[0], _Instruction(_JEQ, 0, 3, more.PROCESS)]
    made += [load[1], _Instruction(_JEQ, 0, 1, 0), allow, deny]
    made += [_Instruction(_JEQ, 0, 2 + len(more.IOCTLS), _IOCTL[column]), load[1]]
    made += [_Instruction(_JEQ, len(more.IOCTLS) - 1 - place, 0, each) for place, each in enumerate(more.IOCTLS[:-1])]
    made += [_Instruction(_JEQ, 0, 1, more.IOCTLS[-1]), deny, _Instruction(_LOAD, 0, 0, _NUMBER)]
    made += [_Instruction(_JEQ, 0, 7, more.SOCKETPAIR[column]), load[0], _Instruction(_JEQ, 0, 4, more.UNIX), load[1]]
    return [*made, _Instruction(_AND, 0, 0, more.KIND), _Instruction(_JEQ, 0, 1, more.STREAM), allow, deny]


class _Program(ctypes.Structure):
    """struct sock_fprog."""

    _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.c_void_p)]


def install(alone: bool = False) -> None:
    """Put the filter on this process and all to come from it. no_new_privs must be set. Raises `OSError`."""
    instructions = program(platform.machine(), alone)
    packed = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *each) for each in instructions))
    held = _Program(len(instructions), ctypes.cast(packed, ctypes.c_void_p))
    system.prctl_pointer(_PR_SET_SECCOMP, _MODE_FILTER, ctypes.cast(ctypes.pointer(held), ctypes.c_void_p))
