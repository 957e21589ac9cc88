"""What the filter of system calls adds where there are no namespaces: what they, not Landlock, keep from a job.

Landlock looks at a file when it is opened, not at its mode or times; at TCP, not at datagrams; at abstract unix
sockets, not at those with a path; at signals, not at limits and priorities. And System V's and POSIX's queues and
semaphores are everybody's without a namespace of their own.
"""

from __future__ import annotations

# (x86_64, aarch64), as in `seccomp`
DENIED: dict[str, tuple[int, int]] = {
    "accept": (43, 202),
    "accept4": (288, 242),
    "futimesat": (261, -1),
    "utime": (132, -1),
    "utimes": (235, -1),
    "bind": (49, 200),
    "connect": (42, 203),
    "fsetxattr": (190, 7),
    "inotify_init": (253, -1),
    "inotify_init1": (294, 26),
    "ioprio_set": (251, 30),
    "listen": (50, 201),
    "lremovexattr": (198, 15),
    "lsetxattr": (189, 6),
    "migrate_pages": (256, 238),
    "move_pages": (279, 239),
    "mq_open": (240, 180),
    "mq_unlink": (241, 181),
    "msgctl": (71, 187),
    "msgrcv": (70, 188),
    "msgsnd": (69, 189),
    "process_mrelease": (448, 448),
    "fremovexattr": (199, 16),
    "removexattr": (197, 14),
    "removexattrat": (466, 466),
    "semctl": (66, 191),
    "semget": (64, 190),
    "semop": (65, 193),
    "semtimedop": (220, 192),
    "setxattr": (188, 5),
    "setxattrat": (463, 463),
    "shmat": (30, 196),
    "shmctl": (31, 195),
    "socket": (41, 198),
}
IGNORED: dict[str, tuple[int, int]] = {
    "chmod": (90, -1),
    "chown": (92, -1),
    "fchmod": (91, 52),
    "fchmodat": (268, 53),
    "fchmodat2": (452, 452),
    "fchown": (93, 55),
    "fchownat": (260, 54),
    "file_setattr": (469, 469),
    "lchown": (94, -1),
}
"""They seem to succeed and do nothing: libraries set the modes and times of what they have written."""
OF_ITSELF: dict[str, tuple[int, int]] = {
    "prlimit64": (302, 261),
    "sched_setaffinity": (203, 122),
    "sched_setattr": (314, 274),
    "sched_setparam": (142, 118),
    "sched_setscheduler": (144, 119),
}
"""Of the calling process (0) alone: others of the same user would be at its mercy."""
UTIMENSAT = (280, 88)
"""Ignored, too, when it tells the times; refused when not, which is how a file is touched that may not be there yet."""
SETPRIORITY, SOCKETPAIR = (141, 140), (53, 199)
UNIX, STREAM, KIND = 1, 1, 0xF
"""A pair of connected streams: they can be sent to nobody else, as datagrams can."""
IOCTLS = (0x40086602, 0x401C5820, 0x40806685, 0x800C6613)
"""FS_IOC_SETFLAGS, FSSETXATTR, ENABLE_VERITY, SET_ENCRYPTION_POLICY: they change a file that is open for reading."""
PROCESS = 0
"""PRIO_PROCESS; not PRIO_USER, which is the worker too."""
