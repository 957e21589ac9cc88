"""The zygote: a process that has imported everything and forks a job on request.

`python -m services.executor.warm.zygote torch transformers …`: the packages to import.

Started by the local backend, which it outlives by nothing: when its stdin ends, or at SIGTERM (which the kernel sends
when the worker dies), it kills all jobs with all that they started, and goes.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os
import selectors
import signal
import sys
import time
from dataclasses import dataclass
from typing import NoReturn

import psutil

from services.child import die_with_parent
from services.executor.job import process
from services.executor.sandbox import enter
from services.executor.warm.leases import Leases
from services.executor.warm.messages import (
    TO_ZYGOTE,
    Exited,
    FromZygote,
    Ready,
    Refused,
    Renew,
    Signal,
    Start,
    Started,
)
from services.executor.warm.preload import preload

_PR_SET_CHILD_SUBREAPER = 36
"""Linux: prctl(2); what a job leaves running becomes our child, so that we find and kill it."""
END_SECONDS = 2.0
"""For keepers to end their jobs, when the worker is gone."""
_HELD: set[int] = {signal.SIGUSR1, enter.KILL, signal.SIGTERM, signal.SIGINT, signal.SIGCHLD}
"""Held back around a fork: a child that got one before it has its own handlers would run ours."""


@dataclass(frozen=True)
class Job:
    """One that runs."""

    key: str
    sandboxed: bool
    report: int
    """Descriptor on which its keeper says why the sandbox could not be entered."""

    def signal(self, pid: int, number: int, group: bool) -> None:
        if self.sandboxed:
            os.kill(pid, enter.KILL if number == signal.SIGKILL else number)
        else:
            _send(pid, number, group)

    def fault(self) -> str:
        """What it reported; to be asked when it has ended."""
        with os.fdopen(self.report, "rb", buffering=0) as report:
            os.set_blocking(report.fileno(), False)
            return (report.read(4096) or b"").decode(errors="replace").strip()


class Zygote:
    """The jobs that run, and the channel to the worker."""

    def __init__(self) -> None:
        self.jobs: dict[int, Job] = {}
        """By process id, which is also the process group's and the session's; of a sandboxed job, its keeper's."""
        self.leases = Leases()
        self._requests = os.dup(0)
        self._replies = os.dup(1)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(2, 1)  # what an import prints must not garble the channel
        self._rest = b""
        self._wake, self._woken = os.pipe()
        os.set_blocking(self._woken, False)
        os.set_blocking(self._wake, False)
        self._own = (self._requests, self._replies, self._wake, self._woken)

    def say(self, message: FromZygote) -> None:
        try:
            os.write(self._replies, message.model_dump_json().encode() + b"\n")
        except BrokenPipeError:  # the worker is dead
            self.end()

    def serve(self) -> NoReturn:
        """Fork and reap until the worker goes away."""
        signal.set_wakeup_fd(self._woken, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGTERM, lambda *_: self.end())
        selector = selectors.SelectSelector()  # has no descriptor that a child would inherit
        selector.register(self._requests, selectors.EVENT_READ)
        selector.register(self._wake, selectors.EVENT_READ)
        while True:
            ready = selector.select(self.leases.left())
            self.end_leases()  # before a word of a worker that was frozen with us
            for key, _ in ready:
                if key.fd == self._wake:
                    os.read(self._wake, 4096)
                    self.reap()
                elif not self.listen():
                    self.end()

    def listen(self) -> bool:
        """Do what the worker asks; False when it has gone."""
        data = os.read(self._requests, 1 << 20)
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            request = TO_ZYGOTE.validate_json(line)
            if isinstance(request, Start):
                self.fork(request)
            elif isinstance(request, Renew):
                self.leases.renew(request.key, request.until)
            else:
                self.pass_on(request)
        return bool(data)

    def fork(self, start: Start) -> None:
        mask: set[int] = set(signal.pthread_sigmask(signal.SIG_BLOCK, _HELD))
        prepare = die_with_parent(signal.SIGKILL)  # should this process itself be killed
        try:
            self.leases.take(start.key, start.lock, start.until)
            report, told = os.pipe()
            try:
                pid = os.fork()
            except OSError:
                os.close(report)
                os.close(told)
                raise
        except OSError as error:
            self.leases.end(start.key)
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            self.say(Refused(key=start.key, error=str(error)))
            return
        if pid == 0:
            prepare()
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.default_int_handler)
            lock = self.leases.lock(start.key)
            reports = [report, told, *(job.report for job in self.jobs.values())]
            close = (*self._own, *self.leases.locks_of_others(start.key), *reports)
            process.live(start, mask - _HELD, close, told, () if lock is None else (lock,))
        os.close(told)
        self.jobs[pid] = Job(start.key, start.plan is not None, report)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        self.say(Started(key=start.key, pid=pid))

    def pass_on(self, request: Signal) -> None:
        """To a job that still runs; we are its parent, so its id cannot have become somebody else's."""
        for pid, job in self.jobs.items():
            if job.key == request.key:
                job.signal(pid, request.number, request.group)

    def end_leases(self) -> None:
        """Kill the jobs that have passed on to another worker."""
        for key in self.leases.over():
            self.pass_on(Signal(key=key, number=signal.SIGKILL, group=True))

    def reap(self) -> None:
        """Tell of the jobs that have ended, after the end of all that they left running."""
        while True:
            try:
                found = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            except ChildProcessError:  # there are none
                found = None
            if found is None:
                return
            job = self.jobs.pop(found.si_pid, None)
            if job is not None:
                _send(found.si_pid, signal.SIGKILL, group=True)  # before the wait frees the number
            os.waitpid(found.si_pid, 0)
            self.kill_orphans()  # at each end, since each may leave us the children of the one that ended
            if job is not None:
                self.leases.end(job.key)
                self.say(_end_of(job, found))

    def kill_orphans(self) -> None:
        """Kill our children that belong to no running job's session: a job that has ended left them."""
        for child in psutil.Process().children():
            try:
                if child.pid not in self.jobs and os.getsid(child.pid) not in self.jobs:
                    child.kill()
            except (ProcessLookupError, psutil.NoSuchProcess):  # gone by itself
                continue

    def end(self) -> NoReturn:
        self.end_sandboxed()
        for pid in self.jobs:
            _send(pid, signal.SIGKILL, group=True)
        for child in psutil.Process().children(recursive=True):
            try:
                child.kill()
            except psutil.NoSuchProcess:
                continue
        os._exit(0)

    def end_sandboxed(self) -> None:
        """Their keepers know how to end them so that nothing forks away; they have a while for it."""
        keepers = {pid for pid, job in self.jobs.items() if job.sandboxed}
        for pid in keepers:
            _send(pid, enter.KILL, group=False)
        give_up_at = time.monotonic() + END_SECONDS
        while keepers and time.monotonic() < give_up_at:
            keepers -= {pid for pid in keepers if _is_over(pid)}
            time.sleep(0.01)


def _is_over(child: int) -> bool:
    """Leaves it to be reaped."""
    with contextlib.suppress(ChildProcessError):
        return os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    return True


def _end_of(job: Job, found: os.waitid_result) -> Exited | Refused:
    fault = job.fault()
    if fault:
        return Refused(key=job.key, error=fault)
    if found.si_code == os.CLD_EXITED:
        return Exited(key=job.key, code=found.si_status, signal=None)
    return Exited(key=job.key, code=None, signal=found.si_status)


def _send(pid: int, number: int, group: bool) -> None:
    try:
        if group:
            os.killpg(pid, number)
        else:
            os.kill(pid, number)
    except ProcessLookupError:
        if group:  # not yet its own group's leader: it was forked this instant
            os.kill(pid, number)
    except PermissionError:  # macOS says so of a group of zombies
        pass


def main() -> None:
    os.environ["PYTORCH_NVML_BASED_CUDA_CHECK"] = "1"  # asking whether there is a GPU must not open it
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1)
    begun = time.monotonic()
    zygote = Zygote()
    preload(sys.argv[1:])
    sys.stdout.flush()  # or each child would print it again
    gc.collect()
    gc.disable()
    gc.freeze()  # children share these objects' pages: a collection would write to each of them
    zygote.say(Ready(seconds=time.monotonic() - begun))
    zygote.serve()


if __name__ == "__main__":
    main()
