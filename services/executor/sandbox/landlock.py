"""Enters a sandbox without namespaces, on machines that have none to give: Landlock and a filter of system calls.

Where containers forbid them (Docker's default) or the system does (AppArmor's restriction, Ubuntu 24.04). It is the
same plan, and there are the same three processes as with `enter`. The *keeper* stays outside. Its child, *init*, is in
a Landlock domain out of which no signal goes; the job is in a domain below, which restricts files too, so that it can
signal neither. Init's kill(-1) reaches every process of both domains and no other, in one system call, so that nothing
of the job forks away from it; it comes when the job ends, when the keeper asks, and when the keeper dies.

What this tier has not, and namespaces have:

- no network at all, not even a loopback or unix sockets but connected pairs: no granted hosts, no several GPUs (NCCL),
  no trackers with a server of their own;
- no /dev/shm: no data loaders with workers, no semaphores between processes;
- files are seen by name, size and owner wherever their folders let one (stat(2)), though not listed, opened or changed;
- modes, times and owners of files are not set, and it looks as if they were;
- process ids are the machine's, and the job's own /proc/<pid> shows the machine's mounts and sockets (proc_net(5));
  other processes cannot be read, signalled, traced or limited;
- RLIMIT_NPROC counts all that runs as the same user: a job's is what ran at its start, and its own share; one that
  takes it all keeps another job of that user from starting processes.

Not tried with a GPU so far.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import select
import signal
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NoReturn

import psutil

from services.executor.sandbox import environment, keeper, privileges, relocate, ruleset, scratch, seccomp, system
from services.executor.sandbox.paths import open_source
from services.executor.sandbox.plan import Plan
from services.executor.sandbox.ruleset import Ruleset

_READ = ruleset.READ_FILE | ruleset.READ_DIR
_RUN = _READ | ruleset.EXECUTE
_OWN = ruleset.ALL & ~(ruleset.MAKE_CHAR | ruleset.MAKE_BLOCK | ruleset.MAKE_SOCK | ruleset.IOCTL_DEV)
_USE = ruleset.READ_FILE | ruleset.WRITE_FILE
_DEVICES = ("null", "zero", "full", "random", "urandom")
_GPU_DEVICES = ("nvidiactl", "nvidia-uvm", "nvidia-uvm-tools")
_PROC = (
    *("cpuinfo", "meminfo", "stat", "uptime", "loadavg", "version", "filesystems", "sys/vm/overcommit_memory"),
    *("sys/kernel/osrelease", "sys/kernel/pid_max", "sys/kernel/threads-max", "sys/kernel/random"),
)
_AGAIN_SECONDS = 0.02


def enter(plan: Plan, shown: list[Path], report: int, hold: tuple[int, ...]) -> None:
    """As `enter.enter`, which calls it; the signals of `keeper.KEPT` are blocked."""
    try:
        places, told, alive = _begin(plan, report, hold)
        granted = _open_granted(plan, shown)
        beside = _confine_init(plan)
        _tie(alive)
        go, gone = os.pipe()
        job = os.fork()
        if job:
            _watch(job, told, (go, gone))
        for number in (told, gone):
            os.close(number)
        _settle(plan, places, go)
        _confine_job(plan, granted, beside)
        for number in (*hold, *({report} - {2})):
            os.close(number)
    except BaseException as error:
        keeper.give_up(report, error)


def _begin(plan: Plan, report: int, hold: tuple[int, ...]) -> tuple[dict[str, str], int, int]:
    """Become the keeper, which does not return, and init: with the job's own places, the pipe by which the keeper hears
    of the job, and the pipe whose other end the keeper alone has. Raises `OSError`."""
    keeper.close_all_but({report, *hold})
    with contextlib.suppress(OSError):  # it leads a session already
        os.setsid()
    os.chdir("/")
    for folder in plan.cgroup:
        Path(folder, "cgroup.procs").write_text("0")
    places = _home(plan)
    ready, told = os.pipe()
    alive, life = os.pipe()
    init = os.fork()
    if init:
        os.close(told)
        os.close(alive)
        _keep(init, ready)
    os.close(ready)
    os.close(life)
    keeper.default_signals()
    return places, told, alive


def _tie(alive: int) -> None:
    """Init ends with its keeper."""
    system.prctl(system.PR_SET_DUMPABLE, 0)
    system.die_with_parent(signal.SIGTERM)
    if select.select([alive], [], [], 0)[0]:  # the keeper died before
        os._exit(keeper.FAULT)
    os.close(alive)


def _watch(job: int, told: int, pipe: tuple[int, int]) -> NoReturn:
    """Init: until the job has ended, or it is told to end it; then there is nothing left, and it ends as the job."""
    os.open(f"/proc/{job}", os.O_PATH | os.O_DIRECTORY)  # stays open, or the kernel forgets what was granted
    os.close(pipe[0])
    os.write(told, str(job).encode())
    os.write(pipe[1], b"1")
    os.close(pipe[1])
    os.close(told)
    ended: dict[int, int] = {}
    while job not in ended:
        if signal.sigwait({signal.SIGCHLD, signal.SIGTERM}) == signal.SIGTERM:
            break
        keeper.reap(ended, os.WNOHANG)
    _end_all(ended)
    keeper.end_as(ended.get(job, signal.SIGKILL))


def _keep(init: int, ready: int) -> NoReturn:
    """The keeper: passes signals on, and ends as init does."""
    keeper.default_signals()
    said = os.read(ready, 64)
    ended: dict[int, int] = {}
    job = int(said) if said else 0
    keeper.reap(ended, os.WNOHANG)
    while init not in ended:
        number = signal.sigwait(keeper.KEPT)
        if number == keeper.KILL:
            os.kill(init, signal.SIGTERM)
        elif number != signal.SIGCHLD and job:
            keeper.pass_on(job, number)
        keeper.reap(ended, os.WNOHANG)
    keeper.end_as(ended[init])


def _settle(plan: Plan, places: Mapping[str, str], go: int) -> None:
    """The job: a session, an environment and a folder of its own."""
    os.setsid()
    os.chdir(plan.folder)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.environ.clear()
    os.environ.update({name: relocate.moved(value, places) for name, value in plan.environment.items()})
    relocate.modules(places)
    tempfile.tempdir = None
    if os.read(go, 1) != b"1":
        raise OSError("init has ended")
    os.close(go)


def _home(plan: Plan) -> dict[str, str]:
    """Make the job's own folders; what each stands for → where it is. Raises `OSError`."""
    name = secrets.token_hex(8)
    folder = open_source(plan.folder, "/")
    try:
        scratch.make(folder, name, plan)
    finally:
        os.close(folder)
    own = f"{plan.folder}/{scratch.SCRATCH}/{name}"
    for read in plan.reads:
        if read.target is not None:
            Path(own, "hub", Path(read.target).name).symlink_to(read.source)
    return {environment.HOME: f"{own}/home", environment.HUB: f"{own}/hub", environment.TMP: f"{own}/tmp"}


def _granted(plan: Plan, shown: list[Path]) -> Iterator[tuple[int, int]]:
    """(path, rights) of all that the job may open, by descriptors. Raises `OSError`."""
    for path in shown:
        if path.exists():
            yield os.open(path, os.O_PATH | os.O_CLOEXEC), _RUN
    for read in plan.reads:
        yield open_source(read.source, "/"), _RUN if read.programs else _READ
    yield open_source(plan.folder, "/"), _OWN
    devices = [*_GPU_DEVICES, *(f"nvidia{minor}" for minor in plan.gpus)] if plan.gpus else []
    devices += ["nvidia-caps"] if plan.mig else []
    for names, rights in ((_DEVICES, _USE), (devices, _USE | ruleset.READ_DIR | ruleset.IOCTL_DEV)):
        for name in names:
            if Path("/dev", name).exists():
                yield os.open(f"/dev/{name}", os.O_PATH | os.O_CLOEXEC), rights
    for place in (*(f"/proc/{name}" for name in _PROC), *(("/proc/driver", "/sys") if plan.gpus else ())):
        if Path(place).exists():
            yield os.open(place, os.O_PATH | os.O_CLOEXEC), _READ


def _open_granted(plan: Plan, shown: list[Path]) -> list[tuple[int, int]]:
    """Kept open by init as long as the job lives: the kernel forgets which file of /proc was which."""
    return list(_granted(plan, shown))


def _confine_init(plan: Plan) -> int:
    """Be the job's user, in the outer domain; how many processes and threads that user has. Raises `OSError`."""
    privileges.drop(plan, own_namespace=False)
    system.prctl(system.PR_SET_CHILD_SUBREAPER, 1)
    with Ruleset(files=False) as signals:
        signals.enter()
    return _threads_of(os.getuid())


def _threads_of(uid: int) -> int:
    count = 0
    for process in psutil.process_iter():
        try:
            count += process.num_threads() if process.uids().real == uid else 0
        except psutil.Error:
            continue
    return count


def _confine_job(plan: Plan, granted: list[tuple[int, int]], beside: int) -> None:
    """The last before the job's own code. Raises `OSError`."""
    own = os.open("/proc/self/", os.O_PATH | os.O_DIRECTORY)
    system.prctl(system.PR_SET_DUMPABLE, 1)
    privileges.limit(plan.limits, beside)
    with Ruleset(files=True) as files:
        for path, rights in (*granted, (own, _READ | ruleset.WRITE_FILE)):
            files.allow(path, rights)
        files.enter()
    for path, _ in (*granted, (own, 0)):
        os.close(path)
    seccomp.install(alone=True)


def _end_all(ended: dict[int, int]) -> None:
    """Init's: kill all in the two domains, and wait until they are gone."""
    while True:
        with contextlib.suppress(ProcessLookupError, PermissionError):  # there is nobody whom we may kill
            os.kill(-1, signal.SIGKILL)
        try:
            while (found := os.waitpid(-1, os.WNOHANG))[0]:
                ended[found[0]] = found[1]
        except ChildProcessError:
            return
        time.sleep(_AGAIN_SECONDS)
