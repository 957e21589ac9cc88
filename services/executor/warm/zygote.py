"""The zygote: a process that has imported everything and forks a job on request.

Started by the local backend, which it outlives by nothing: when its stdin ends, or at SIGTERM (which the kernel sends
when the worker dies), it kills all jobs with all that they started, and goes.
"""

from __future__ import annotations

import ctypes
import gc
import os
import selectors
import signal
import sys
import time
from typing import NoReturn

import psutil

from services.child import die_with_parent
from services.executor.job import process
from services.executor.warm.messages import TO_ZYGOTE, Exited, FromZygote, Ready, Refused, Signal, Start, Started
from services.executor.warm.preload import preload

_PR_SET_CHILD_SUBREAPER = 36
"""Linux: prctl(2); what a job leaves running becomes our child, so that we find and kill it."""
_HELD: set[int] = {signal.SIGUSR1, signal.SIGTERM, signal.SIGINT, signal.SIGCHLD}
"""Held back around a fork: a child that got one before it has its own handlers would run ours."""


class Zygote:
    """The jobs that run, and the channel to the worker."""

    def __init__(self) -> None:
        self.jobs: dict[int, str] = {}
        """Process id, which is also the process group's and the session's → key."""
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
            for key, _ in selector.select():
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
            else:
                self.pass_on(request)
        return bool(data)

    def fork(self, start: Start) -> None:
        mask: set[int] = set(signal.pthread_sigmask(signal.SIG_BLOCK, _HELD))
        prepare = die_with_parent(signal.SIGKILL)  # should this process itself be killed
        try:
            pid = os.fork()
        except OSError as error:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            self.say(Refused(key=start.key, error=str(error)))
            return
        if pid == 0:
            prepare()
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.default_int_handler)
            process.live(start, mask - _HELD, self._own)
        self.jobs[pid] = start.key
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        self.say(Started(key=start.key, pid=pid))

    def pass_on(self, request: Signal) -> None:
        """To a job that still runs; we are its parent, so its id cannot have become somebody else's."""
        for pid, key in self.jobs.items():
            if key == request.key:
                _send(pid, request.number, request.group)

    def reap(self) -> None:
        """Tell of the jobs that have ended, after the end of all that they left running."""
        while True:
            try:
                found = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            except ChildProcessError:  # there are none
                found = None
            if found is None:
                return
            key = self.jobs.pop(found.si_pid, None)
            if key is not None:
                _send(found.si_pid, signal.SIGKILL, group=True)  # before the wait frees the number
            os.waitpid(found.si_pid, 0)
            self.kill_orphans()  # at each end, since each may leave us the children of the one that ended
            if key is not None:
                normal = found.si_code == os.CLD_EXITED
                status = found.si_status
                self.say(Exited(key=key, code=status if normal else None, signal=None if normal else status))

    def kill_orphans(self) -> None:
        """Kill our children that belong to no running job's session: a job that has ended left them."""
        for child in psutil.Process().children():
            try:
                if os.getsid(child.pid) not in self.jobs:
                    child.kill()
            except (ProcessLookupError, psutil.NoSuchProcess):  # gone by itself
                continue

    def end(self) -> NoReturn:
        for pid in self.jobs:
            _send(pid, signal.SIGKILL, group=True)
        for child in psutil.Process().children(recursive=True):
            try:
                child.kill()
            except psutil.NoSuchProcess:
                continue
        os._exit(0)


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
    preload()
    sys.stdout.flush()  # or each child would print it again
    gc.collect()
    gc.disable()
    gc.freeze()  # children share these objects' pages: a collection would write to each of them
    zygote.say(Ready(seconds=time.monotonic() - begun))
    zygote.serve()


if __name__ == "__main__":
    main()
