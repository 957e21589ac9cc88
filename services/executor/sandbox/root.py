"""The file system of a sandbox: a fresh root that shows what the plan names, and nothing else. Called by `enter`.

The way of bubblewrap (https://github.com/containers/bubblewrap): a tmpfs becomes the root, the machine's own moves
below it, what is to be seen is bind-mounted from there, and then the machine's is taken away. All of it happens in a
mount namespace of the sandbox's own. Sources are opened component by component, so that no link is followed that
appeared since the plan was made.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import stat
from collections.abc import Sequence
from pathlib import Path

from services.executor.sandbox import environment, idmap, scratch, system
from services.executor.sandbox.paths import NEW, OLD, make_target, mounts, open_source, outermost, real
from services.executor.sandbox.plan import Plan

_OWN = {"home": environment.HOME, "hub": environment.HUB, "tmp": environment.TMP}
EGRESS = "/run/egress.sock"
HOSTNAME = "sandbox"
_DEVICES = ("null", "zero", "full", "random", "urandom", "tty")
_GPU_DEVICES = ("nvidiactl", "nvidia-uvm", "nvidia-uvm-tools")
_MIG_DEVICES = "nvidia-caps"
_HIDDEN = ("kcore", "keys", "key-users", "sysrq-trigger", "timer_list", "latency_stats", "kallsyms", "sched_debug")
"""Of /proc: nothing for a job, and some of it tells of the machine's other users."""
_FIXED = ("sys", "bus", "fs", "irq")
"""Of /proc: settings of the machine."""
_SAFE = system.MS_NOSUID | system.MS_NODEV
_BARE = _SAFE | system.MS_NOEXEC
_DEVICE = system.MS_NOSUID | system.MS_NOEXEC | system.MS_RDONLY


class Root:
    """The root under construction."""

    def __init__(self, plan: Plan, system_paths: Sequence[Path], mapping: int | None = None) -> None:
        """`system_paths`: what Python needs, as `interpreter` names it. `mapping`: by `idmap`, where it is needed."""
        self.plan, self._system_paths, self._mapping = plan, system_paths, mapping
        self._flags: dict[str, int] = {"/": _BARE | system.MS_RDONLY}
        """What is mounted where, and how it may be used."""
        self._as_named: set[str] = set()
        """Mounts that show what the machine has at the same path."""

    def build(self) -> None:
        """Make it, and go there; the machine's files are gone then. Raises `OSError`."""
        self._begin()
        self._show_own()
        self._show_system()
        self._make_etc()
        self._make_proc()
        self._make_dev()
        self._show_granted()
        self._restrict()
        self._finish()

    def _begin(self) -> None:
        system.mount("none", "/", None, system.MS_REC | system.MS_PRIVATE)
        system.mount("tmpfs", "/proc", "tmpfs", _BARE, "mode=755,size=4m")  # /proc: a folder that is always there
        os.chdir("/proc")
        for path in (OLD, NEW):
            Path(f".{path}").mkdir()
        system.pivot_root(".", f".{OLD}")
        os.chdir("/")
        system.mount("tmpfs", NEW, "tmpfs", _BARE, "mode=755,size=4m")

    def _show_own(self) -> None:
        """First of all: what else is shown may lie below /tmp."""
        own = f"{self.plan.folder}/{scratch.SCRATCH}/{secrets.token_hex(8)}"
        folder = open_source(self.plan.folder)
        try:
            scratch.make(folder, Path(own).name, self.plan)
        finally:
            os.close(folder)
        for name, target in _OWN.items():
            self._bind(f"{own}/{name}", _SAFE, target)

    def _show_system(self) -> None:
        """Python and the libraries. A path through a link, such as /bin, is shown by its real name and linked."""
        links = {str(path): found for path in self._system_paths if (found := real(path)) is not None}
        for source in outermost(set(links.values())):
            self._bind(source, _SAFE | system.MS_RDONLY)
        for alias, target in links.items():
            self._link(alias, target)

    def _show_granted(self) -> None:
        """The job's folder, and what it may read."""
        self._bind(self.plan.folder, _SAFE)
        if self.plan.alias is not None:
            self._link(self.plan.alias, self.plan.folder)
        for read in sorted(self.plan.reads, key=lambda read: read.source):
            how = (_SAFE if read.programs else _BARE) | system.MS_RDONLY
            self._bind(read.source, how, read.target, mapped=read.mapped)
        for read in self.plan.reads:
            if read.alias is not None:
                self._link(read.alias, read.source)
        if self.plan.egress is not None:
            self._bind(self.plan.egress, _BARE | system.MS_RDONLY, EGRESS)
        if self.plan.gpus and Path(OLD, "sys").is_dir():
            self._bind("/sys", _BARE | system.MS_RDONLY)

    def _make_etc(self) -> None:
        """Who and where one is: users and hosts of the sandbox, not of the machine."""
        uid, gid = inside_ids(self.plan)
        texts = {
            "passwd": f"job:x:{uid}:{gid}::{environment.HOME}:/bin/sh\n",
            "group": f"job:x:{gid}:\n",
            "hosts": f"127.0.0.1 localhost {HOSTNAME}\n::1 localhost\n",
            "hostname": f"{HOSTNAME}\n",
            "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\n",
            "resolv.conf": "",
        }
        os.close(make_target("/etc", True))
        for name, text in texts.items():
            Path(NEW, "etc", name).write_text(text)

    def _make_proc(self) -> None:
        os.close(make_target("/proc", True))
        system.mount("proc", f"{NEW}/proc", "proc", _BARE)
        self._flags["/proc"] = _BARE
        for name in _FIXED:
            if Path(f"{NEW}/proc/{name}").exists():
                system.mount(f"{NEW}/proc/{name}", f"{NEW}/proc/{name}", None, system.MS_BIND)
                self._flags[f"/proc/{name}"] = _BARE | system.MS_RDONLY
        for name in _HIDDEN:
            if Path(f"{NEW}/proc/{name}").exists():
                system.mount(f"{OLD}/dev/null", f"{NEW}/proc/{name}", None, system.MS_BIND)
                self._flags[f"/proc/{name}"] = _DEVICE

    def _make_dev(self) -> None:
        devices = list(_DEVICES)
        if self.plan.gpus:
            devices += [*_GPU_DEVICES, *(f"nvidia{minor}" for minor in self.plan.gpus)]
        if self.plan.mig:
            devices.append(_MIG_DEVICES)
        for device in devices:
            if Path(f"{OLD}/dev/{device}").exists():
                self._bind(f"/dev/{device}", _DEVICE)
        for name, target in (("fd", "fd"), ("stdin", "fd/0"), ("stdout", "fd/1"), ("stderr", "fd/2")):
            Path(f"{NEW}/dev/{name}").symlink_to(f"/proc/self/{target}")
        os.close(make_target("/dev/shm", True))
        size = f"mode=1777,size={self.plan.limits.shared_bytes},nr_inodes=100000"
        system.mount("tmpfs", f"{NEW}/dev/shm", "tmpfs", _BARE, size)
        self._flags["/dev/shm"] = _BARE

    def _bind(self, source: str, flags: int, target: str | None = None, *, mapped: bool = False) -> None:
        """Show a path of the machine, with what is mounted below it; `_restrict` sets the flags."""
        target = target or source
        if target == source and not mapped and self._is_shown(source, flags):
            return
        opened = open_source(source)
        try:
            place = make_target(target, stat.S_ISDIR(os.fstat(opened).st_mode))
            try:
                self._mount(opened, place, mapped)
            except OSError as error:
                raise OSError(error.errno, f"cannot show {source}: {os.strerror(error.errno or 0)}") from None
            finally:
                os.close(place)
        finally:
            os.close(opened)
        self._flags[target] = flags
        if target == source:
            self._as_named.add(target)

    def _mount(self, opened: int, place: int, mapped: bool) -> None:
        if not mapped or self._mapping is None:
            link = f"{OLD}/proc/self/fd"
            system.mount(f"{link}/{opened}", f"{link}/{place}", None, system.MS_BIND | system.MS_REC)
            return
        made = idmap.mapped(opened, self._mapping)
        try:
            system.move_mount(made, place)
        finally:
            os.close(made)

    def _is_shown(self, source: str, flags: int) -> bool:
        """Whether an earlier mount shows it already, as it is asked for."""
        above = self._above(source)
        return above in self._as_named and flags in (self._flags[above], self._flags[above] | system.MS_NOEXEC)

    def _above(self, path: str) -> str:
        """The nearest mount of ours at or above a path."""
        return next(str(p) for p in (Path(path), *Path(path).parents) if str(p) in self._flags)

    def _link(self, alias: str, target: str) -> None:
        """A link where the sandbox's own root has room for it; elsewhere the machine's own link is seen."""
        if alias == target:
            return
        with contextlib.suppress(OSError):
            parent = make_target(str(Path(alias).parent), True)
            try:
                os.symlink(target, Path(alias).name, dir_fd=parent)
            finally:
                os.close(parent)

    def _restrict(self) -> None:
        """Set the flags of every mount, those below a bind too; the flags that a mount has are kept."""
        for target, present in mounts():
            flags = present | self._flags[self._above(target)]
            try:
                how = system.MS_REMOUNT | system.MS_BIND | flags
                system.mount("none", NEW + target.rstrip("/"), None, how)
            except PermissionError as error:
                if error.errno != errno.EACCES or os.geteuid() == 0:  # below a folder that the job cannot enter either
                    raise

    def _finish(self) -> None:
        os.chdir(NEW)
        system.pivot_root(".", ".")
        system.detach(".")  # the old root is mounted over the new one
        os.chdir("/")


def inside_ids(plan: Plan) -> tuple[int, int]:
    """User and group id that the job sees itself as: its own, or nobody's where that is the 0 of a container."""
    return plan.uid or 65534, plan.gid or 65534
