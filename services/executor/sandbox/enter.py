"""Enters a sandbox: what a forked job does first, and what a fresh process does before it imports torch.

    enter(plan)      # raises nothing: it returns in the job, or the process ends

Three processes come of it, since a process cannot move itself into a new pid namespace. The one that called becomes
the *keeper*: it stays outside, passes signals on, and ends as the job does, with the same exit code or by the same
signal, after everything in the sandbox is gone. Its first child is the sandbox's *init* (pid 1), which builds the
root and reaps; when it ends, the kernel kills all that is left. Its second child is the job (pid 2), in which `enter`
returns: with the plan's environment, in the job's folder, in a session of its own.

Signals to the keeper: SIGTERM and SIGINT go to the job's process group, SIGUSR1 (save) to its process alone, and
SIGUSR2 kills all of it. A SIGKILL of the keeper kills all of it, too (PR_SET_PDEATHSIG).

The caller must have one thread. What it has open is closed, but for standard input, output and error. Where there are
no namespaces, `landlock` does the same in its way.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from services.executor.sandbox import idmap, interpreter, keeper, landlock, network, privileges, system
from services.executor.sandbox.keeper import KILL as KILL
from services.executor.sandbox.plan import Plan
from services.executor.sandbox.root import HOSTNAME, Root

_NAMESPACES = (
    system.CLONE_NEWNS
    | system.CLONE_NEWPID
    | system.CLONE_NEWNET
    | system.CLONE_NEWIPC
    | system.CLONE_NEWUTS
    | system.CLONE_NEWCGROUP
)


def enter(plan: Plan, report: int | None = None, hold: tuple[int, ...] = ()) -> None:
    """Become the job of this plan; see above.

    `report`: a descriptor for what went wrong; standard error without. `hold`: descriptors, of locks for instance,
    that stay open as long as anything of the sandbox lives, and that the job does not get.
    """
    report = 2 if report is None else report
    shown = interpreter.shown(Path(plan.folder))
    mask: set[int] = set(signal.pthread_sigmask(signal.SIG_BLOCK, keeper.KEPT))
    signal.set_wakeup_fd(-1)
    if plan.tier == "landlock":
        landlock.enter(plan, shown, report, hold)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        return
    try:
        keeper.close_all_but({report, *hold})
        with _mapping(plan) as mapping:
            _leave(plan)
            ready, told = os.pipe()
            alive, life = os.pipe()
            build = Root(plan, shown, mapping).build
            init = keeper.fork(report, lambda: _init(plan, build, told, alive, (ready, life), (report, *hold)))
            os.close(told)
            os.close(alive)
            root = os.read(ready, 64)  # a process that is forked while the root changes may keep the old one
        os.close(ready)
        if not root:
            os._exit(keeper.FAULT)  # init has said why
        job = os.fork()
    except OSError as error:
        keeper.give_up(report, error)
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
    keeper.default_signals()
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
        os._exit(keeper.FAULT)
    if listener is not None:
        keeper.fork(kept[0], lambda: network.forward(listener))
        listener.close()
    os.write(told, _root())
    keeper.close_all_but(set(kept[1:]), 0)
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
        keeper.give_up(report, error)


def _keep(init: int, job: int) -> NoReturn:
    """Pass signals on until the job ends; see that nothing of it is left; end as it did."""
    keeper.default_signals()
    ended: dict[int, int] = {}
    keeper.reap(ended, os.WNOHANG)
    while job not in ended and init not in ended:
        number = signal.sigwait(keeper.KEPT)
        if number == KILL:
            os.kill(init, signal.SIGKILL)
        elif number != signal.SIGCHLD:
            keeper.pass_on(job, number)
        keeper.reap(ended, os.WNOHANG)
    if init not in ended:
        os.kill(init, signal.SIGKILL)
    while {init, job} - set(ended):  # init goes last, when all else in its namespace is reaped (pid_namespaces(7))
        keeper.reap(ended)
    keeper.end_as(ended[job])
