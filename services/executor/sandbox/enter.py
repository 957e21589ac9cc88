"""Enters a sandbox: what a forked job does first, and what a fresh process does before it imports torch.

    enter(plan)      # raises nothing: it returns in the job, or the process ends

Three processes come of it, since a process cannot move itself into a new pid namespace. The one that called becomes
the *keeper*: it stays outside, passes signals on, and ends as the job does, with the same exit code or by the same
signal, after everything in the sandbox is gone. Its first child is the sandbox's *init* (pid 1), which builds the
root and reaps; when it ends, the kernel kills all that is left. Its second child is the job (pid 2), in which `enter`
returns: with the plan's environment, in the job's folder, in a session of its own.

Signals to the keeper: SIGTERM and SIGINT go to the job's process group, SIGUSR1 (save) to its process alone, and
SIGUSR2 kills all of it. A SIGKILL of the keeper kills all of it, too (PR_SET_PDEATHSIG).

The caller must have one thread. What it has open is closed, but for standard input, output and error.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from services.executor.sandbox import idmap, interpreter, network, privileges, system
from services.executor.sandbox.plan import Plan
from services.executor.sandbox.root import HOSTNAME, Root

KILL = signal.SIGUSR2
"""To the keeper: end the job and all that it has started."""
_KEPT: set[int] = {signal.SIGCHLD, signal.SIGUSR1, KILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP}
_NAMESPACES = (
    system.CLONE_NEWNS
    | system.CLONE_NEWPID
    | system.CLONE_NEWNET
    | system.CLONE_NEWIPC
    | system.CLONE_NEWUTS
    | system.CLONE_NEWCGROUP
)
FAULT = 125
"""The keeper's exit code when the sandbox could not be entered; why goes to `report`."""


def enter(plan: Plan, report: int | None = None, hold: tuple[int, ...] = ()) -> None:
    """Become the job of this plan; see above.

    `report`: a descriptor for what went wrong; standard error without. `hold`: descriptors, of locks for instance,
    that stay open as long as anything of the sandbox lives, and that the job does not get.
    """
    report = 2 if report is None else report
    shown = interpreter.shown(Path(plan.folder))
    mask: set[int] = set(signal.pthread_sigmask(signal.SIG_BLOCK, _KEPT))
    signal.set_wakeup_fd(-1)
    try:
        _close_all_but({report, *hold})
        with _mapping(plan) as mapping:
            _leave(plan)
            ready, told = os.pipe()
            alive, life = os.pipe()
            build = Root(plan, shown, mapping).build
            init = _fork(report, lambda: _init(plan, build, told, alive, (ready, life), (report, *hold)))
            os.close(told)
            os.close(alive)
            root = os.read(ready, 64)  # a process that is forked while the root changes may keep the old one
        os.close(ready)
        if not root:
            os._exit(FAULT)  # init has said why
        job = os.fork()
    except OSError as error:
        _give_up(report, error)
    if job:
        _keep(init, job)
    os.close(life)
    _settle(plan, root, report, hold)
    signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def _mapping(plan: Plan) -> contextlib.AbstractContextManager[int | None]:
    """What root's files are shown by, where some are: made while we can, in the machine's namespaces."""
    if privileges.is_root(plan) and any(read.mapped for read in plan.reads):
        return idmap.mapping()
    return contextlib.nullcontext()


def _leave(plan: Plan) -> None:
    """Out of the machine's namespaces; the next children are in the new ones."""
    with contextlib.suppress(OSError):  # it leads a session already
        os.setsid()
    os.chdir("/")  # or this and its children would hold a folder of the old root
    for folder in plan.cgroup:
        Path(folder, "cgroup.procs").write_text("0")
    if privileges.is_root(plan):
        system.unshare(_NAMESPACES)
    else:
        system.unshare(_NAMESPACES | system.CLONE_NEWUSER)
        privileges.map_user(plan)
    system.prctl(system.PR_SET_DUMPABLE, 0)


def _init(
    plan: Plan, build: Callable[[], None], told: int, alive: int, close: tuple[int, ...], kept: tuple[int, ...]
) -> NoReturn:
    """The sandbox's first process: builds it, then reaps for ever."""
    _default_signals()
    for descriptor in close:
        os.close(descriptor)
    system.die_with_parent(signal.SIGKILL)
    build()
    system.set_hostname(HOSTNAME)
    network.loopback_up()
    listener = network.listen() if plan.egress is not None else None
    privileges.drop(plan, own_namespace=False)
    system.prctl(system.PR_SET_DUMPABLE, 0)
    system.die_with_parent(signal.SIGKILL)  # the change of user has cleared it
    if select.select([alive], [], [], 0)[0]:  # the keeper died before
        os._exit(FAULT)
    if listener is not None:
        _fork(kept[0], lambda: network.forward(listener))
        listener.close()
    os.write(told, _root())
    _close_all_but(set(kept[1:]), 0)
    while True:
        try:
            os.wait()
        except ChildProcessError:
            signal.sigwait({signal.SIGCHLD})


def _root() -> bytes:
    """Names the root of this process."""
    found = Path("/").stat()
    return f"{found.st_dev}.{found.st_ino}".encode()


def _settle(plan: Plan, root: bytes, report: int, hold: tuple[int, ...]) -> None:
    """The job's process: go to its folder, and give up all it must not have."""
    try:
        if _root() != root:
            raise OSError("the root is not the sandbox's")
        os.setsid()
        os.chdir(plan.folder)
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.close(nothing)
        os.environ.clear()
        os.environ.update(plan.environment)
        privileges.become_job(plan)
        for descriptor in (*hold, *({report} - {2})):
            os.close(descriptor)
    except BaseException as error:
        _give_up(report, error)


def _keep(init: int, job: int) -> NoReturn:
    """Pass signals on until the job ends; see that nothing of it is left; end as it did."""
    _default_signals()
    ended: dict[int, int] = {}
    while job not in ended and init not in ended:
        number = signal.sigwait(_KEPT)
        if number == KILL:
            os.kill(init, signal.SIGKILL)
        elif number != signal.SIGCHLD:
            _pass_on(job, number)
        _reap(ended, os.WNOHANG)
    if init not in ended:
        os.kill(init, signal.SIGKILL)
    while {init, job} - set(ended):  # init goes last, when all else in its namespace is reaped (pid_namespaces(7))
        _reap(ended)
    end_as(ended[job])


def _reap(ended: dict[int, int], options: int = 0) -> None:
    """Whatever has ended, until there is no more: a job can make children of ours, too (CLONE_PARENT)."""
    with contextlib.suppress(ChildProcessError):
        while (found := os.waitpid(-1, options))[0]:
            ended[found[0]] = found[1]


def _default_signals() -> None:
    for number in _KEPT:
        signal.signal(number, signal.SIG_DFL)


def _pass_on(job: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        try:
            if number == signal.SIGUSR1:  # data loaders would die of it
                os.kill(job, number)
            else:
                os.killpg(job, number)
        except ProcessLookupError:  # not yet its own group's leader: it was forked this instant
            os.kill(job, number)


def end_as(status: int) -> NoReturn:
    """End with this wait status: the same exit code, or by the same signal."""
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        if number not in (signal.SIGKILL, signal.SIGSTOP):
            signal.signal(number, signal.SIG_DFL)
        _no_core()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {number})
        os.kill(os.getpid(), number)
    os._exit(os.WEXITSTATUS(status))


def _no_core() -> None:
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _fork(report: int, child: Callable[[], None]) -> int:
    pid = os.fork()
    if pid:
        return pid
    try:
        child()
    except BaseException as error:
        _give_up(report, error)
    os._exit(0)


def _close_all_but(kept: set[int], first: int = 3) -> None:
    """Every descriptor from `first` on; not by number, of which some machines allow a milliard."""
    for path in list(Path("/proc/self/fd").iterdir()):
        if int(path.name) >= first and int(path.name) not in kept:
            with contextlib.suppress(OSError):  # the one by which they were listed
                os.close(int(path.name))


def _give_up(report: int, error: BaseException) -> NoReturn:
    """Say why, and end: a job that cannot be in its sandbox does not run."""
    if isinstance(error, OSError):
        told = f"{error.filename}: {error.strerror}" if error.filename else f"{error.strerror or error}"
    else:
        told = "".join(traceback.format_exception(error))
    with contextlib.suppress(OSError):
        os.write(report, f"sandbox: {told}\n".encode())
    os._exit(FAULT)
