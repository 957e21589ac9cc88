"""What this Python needs of the machine: its own files, packages, and the libraries of the system. Used by `enter`.

Folders that may hold what is not a job's to see (a home, the repository with its runs) are never shown whole.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import sys
from collections.abc import Iterator
from pathlib import Path

_OF_A_PREFIX = ("bin", "etc", "include", "lib", "lib64", "libexec", "nvvm", "share", "ssl", "targets", "pyvenv.cfg")
"""Of a prefix: somebody may have made the environment in the folder that holds the runs."""
_SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/nix/store")
_ETC = (
    *("/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/alternatives", "/etc/localtime"),
    *("/etc/ssl/certs", "/etc/ssl/openssl.cnf", "/etc/pki/tls/certs", "/etc/pki/ca-trust/extracted"),
    *("/etc/ca-certificates", "/etc/OpenCL", "/etc/nccl.conf"),
)
_CPUS = ("/sys/devices/system/cpu", "/sys/devices/system/node")
"""How many there are, and how they hang together: oneDNN, OpenBLAS and NCCL ask."""
_ROOMS = ("protocol", "tools", "agents", "graph", "services")


def shown(folder: Path) -> list[Path]:
    """Paths to show to a job in `folder`, as they are named; links among them are the caller's to follow. Not all need
    be there."""
    prefixes = dict.fromkeys((sys.prefix, sys.base_prefix, sys.exec_prefix, sys.base_exec_prefix))
    libraries = [Path(folder).absolute() for folder in os.environ.get("LD_LIBRARY_PATH", "").split(":") if folder]
    return [
        *map(Path, (*_SYSTEM, *_ETC, *_CPUS)),
        *(Path(prefix, part) for prefix in prefixes for part in _OF_A_PREFIX),
        *(path for path in (*_packages(), *libraries) if _is_narrow(path, folder)),
    ]


def _packages() -> Iterator[Path]:
    """What `sys.path` names; of the folder that holds ours, only ours, and not where we were started."""
    ours = Path(__file__).resolve().parents[3]
    if not ours.name.endswith("-packages"):  # installed in editable form, or run from its source
        yield from (ours / room for room in _ROOMS)
    for entry in dict.fromkeys(sys.path):
        path = Path(entry).absolute()
        if entry and path.resolve() not in (ours, Path.cwd()):
            yield path


def _is_narrow(path: Path, folder: Path) -> bool:
    """Whether a path is one of packages, not one that holds the job, a home, or half the machine."""
    homes = [Path("~").expanduser()]
    with contextlib.suppress(KeyError):  # a container's user may be nobody in particular
        homes.append(Path(pwd.getpwuid(os.geteuid()).pw_dir))  # $HOME is another in a process that is to become jobs
    around = [folder, *homes, *(home.resolve() for home in homes)]
    return len(path.parts) > 2 and not any(place.is_relative_to(path.resolve()) for place in around)
