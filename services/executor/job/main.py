"""Runs one job on a machine that has no worker: `python -m services.executor.job.main CONTROL`.

Started by Ray or Slurm; CONTROL is the folder of `control`, which says what to start. This process is the job's
supervisor: it starts the job's own process (`cold`, in the sandbox), passes on what the worker asks, enforces limits,
ends all that the job has started when it ends, and notes how that was.

SIGUSR1 and SIGUSR2 (with which Slurm announces the end of a job's time) mean: save; SIGTERM and SIGINT: end.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path

import psutil

from protocol.errors import BadInput
from services.child import die_with_parent
from services.executor.files.folder import BadJobFolder
from services.executor.inventory.machine import Grant
from services.executor.inventory.nvml import read_machine
from services.executor.job.control import Asked, Control, Ended
from services.executor.job.launch import PLAN, REPORT, START
from services.executor.limits import START_SECONDS
from services.executor.sandbox import check, environment
from services.executor.sandbox.limits import Limits
from services.executor.sandbox.prepared import Sandbox
from services.executor.warm.environment import CACHE, BadRequirements, Environments
from services.executor.warm.messages import Start

POLL = 0.1
KILL_POLL = 0.02
BEAT_SECONDS = 1.0
TERM_SECONDS = 1.0
"""Between SIGTERM and SIGKILL; Ray kills us three seconds after its own SIGTERM."""
REFUSED = 1
"""Exit code of a job that is itself the reason why it could not be started; its log says more."""
_PR_SET_CHILD_SUBREAPER = 36
"""Linux: prctl(2); what a job leaves running becomes our child, so that we find and kill it."""


class CannotStart(Exception):
    """This machine is not what the job needs."""


class Supervisor:
    """Of one job on this machine."""

    def __init__(self, control: Control) -> None:
        self.control = control
        self.request = control.request()
        self.job = self.request.job
        self._sandbox: Sandbox | None = None
        self._asked, self._obeyed = Asked(), Asked()
        self._signalled: set[str] = set()
        self._lease_ends = self._kill_at = float("inf")
        self._killed = False
        self._report, self._told = os.pipe()

    async def run(self) -> Ended:
        """See the job through; how it ended."""
        self._listen()
        beating = asyncio.create_task(self._beat())
        try:
            ended = await self._see_through()
        except (BadJobFolder, BadRequirements) as error:
            self._log(f"could not start: {error}")
            ended = Ended(code=REFUSED)
        except (CannotStart, BadInput, OSError) as error:
            ended = Ended(failed=str(error))
        finally:
            beating.cancel()
            if self._sandbox is not None:
                await self._sandbox.close()
        self.control.end(ended)
        return ended

    def _listen(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGUSR1, signal.SIGUSR2):
            loop.add_signal_handler(number, self._signalled.add, "save")
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._signalled.add, "terminate")
        if sys.platform == "linux":
            ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1)

    async def _beat(self) -> None:
        count = 0
        while True:
            count += 1
            self.control.beat(count)
            await asyncio.sleep(BEAT_SECONDS)

    async def _see_through(self) -> Ended:
        """Raises `BadJobFolder`, `BadRequirements`, `CannotStart`, `OSError`, `BadInput` without a sandbox."""
        machine = read_machine()
        grant = Grant(cpus=min(machine.cpus, self.request.cpus), gpus=machine.gpus[: self.job.spec.needs.gpus])
        if len(grant.gpus) < self.job.spec.needs.gpus:
            raise CannotStart(f"{self.job.spec.needs.gpus} GPUs wanted, {len(grant.gpus)} to be seen on this machine")
        requirements = self.job.spec.requirements
        python = str(await Environments(CACHE).python(requirements)) if requirements else None
        if self.request.sandboxed:
            tier = await asyncio.to_thread(check.require)  # of this machine: the worker's may have another
            self._sandbox = await Sandbox.prepare(self.job, grant, python, tier)
        child = await self._begin(grant, python or sys.executable)
        limit = await self._watch(child)
        await kill_all(child.pid)
        os.close(self._told)
        report = os.read(self._report, 4096).decode(errors="replace").strip()
        if report:
            raise CannotStart(report)
        code = child.returncode if child.returncode or not self._killed else -signal.SIGKILL
        assert code is not None
        return Ended(code=code if code >= 0 else None, signal=-code if code < 0 else None, limit=limit)

    async def _begin(self, grant: Grant, python: str) -> asyncio.subprocess.Process:
        """Start the job's process. Raises `OSError`."""
        start = Start(
            key=self.job.id,
            folder=self.job.folder,
            argv=self.job.spec.argv,
            threads=grant.cpus,
            stop_at=time.monotonic() + self.request.seconds,
            launch=self.job.spec.launch,
            gpus=len(grant.gpus),
        )
        if self._sandbox is None:
            devices = {"CUDA_VISIBLE_DEVICES": ",".join(gpu.uuid for gpu in grant.gpus)}
            given = environment.of_zygote(os.environ, sandboxed=False) | devices
        else:
            given = self._sandbox.plan.environment | {PLAN: self._sandbox.plan.model_dump_json()}
        log = self._open_log()
        try:
            return await asyncio.create_subprocess_exec(
                *(python, "-P", "-m", "services.executor.job.cold"),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.job.folder,
                env=given
                | {
                    START: start.model_dump_json(),
                    REPORT: str(self._told),
                    "PYTHONIOENCODING": "utf-8:backslashreplace",
                },
                pass_fds=(self._told,),
                start_new_session=True,
                preexec_fn=_prepare,
            )
        finally:
            os.close(log)

    async def _watch(self, child: asyncio.subprocess.Process) -> str | None:
        """Until it has ended; the limit that it broke, if it did."""
        confined = (self._sandbox.plan, self._sandbox.group) if self._sandbox is not None else (None, None)
        limits, spec = Limits(self.job, *confined), self.job.spec
        over_at = time.monotonic() + START_SECONDS + spec.seconds + spec.grace
        ended, broken = asyncio.create_task(child.wait()), None
        while not ended.done():
            await asyncio.wait({ended}, timeout=POLL)
            if ended.done():
                break
            if broken is None:
                broken = await asyncio.to_thread(limits.broken, child.pid)
            if broken is None and time.monotonic() >= over_at:  # the worker counts from its first line, if that comes
                broken = f"time limit {spec.seconds:g} s + {spec.grace:g} s to save exceeded, from its start on"
            if broken is not None or self._obey(child, time.monotonic()):
                self._killed = True
                await kill_all(child.pid)
        return broken or await asyncio.to_thread(limits.kept_by_kernel)

    def _obey(self, child: asyncio.subprocess.Process, now: float) -> bool:
        """Do what the worker, a signal or the time asks; True when the job is to be killed."""
        asked = self.control.asked() or self._asked
        if asked.number != self._asked.number:
            self._lease_ends = float("inf") if asked.lease is None else now + asked.lease
        self._asked = asked
        if (asked.save or "save" in self._signalled) and not self._obeyed.save:
            self._obeyed = self._obeyed.model_copy(update={"save": True})
            with suppress(ProcessLookupError):
                child.send_signal(signal.SIGUSR1)
        if (asked.terminate or "terminate" in self._signalled) and not self._obeyed.terminate:
            self._obeyed = self._obeyed.model_copy(update={"terminate": True})
            self._kill_at = now + TERM_SECONDS
            with suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGTERM)
        return asked.kill or now >= min(self._lease_ends, self._kill_at)

    def _open_log(self) -> int:
        path = Path(self.job.folder) / "output.log"
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_NONBLOCK, 0o644)

    def _log(self, line: str) -> None:
        """As the job's last."""
        log = self._open_log()
        try:
            os.write(log, f"{line}\n".encode())
        finally:
            os.close(log)


async def kill_all(child: int) -> None:
    """End all that this process has started, and what became its own when its parent died.

    `child` is reaped elsewhere. Everything else has to be reaped here: the init of a sandbox does not end before.
    """
    alive = True
    while alive:
        alive = False
        for process in psutil.Process().children(recursive=True):
            with suppress(psutil.NoSuchProcess, ChildProcessError):
                if process.status() != psutil.STATUS_ZOMBIE:
                    process.kill()
                    alive = True
                elif process.ppid() == os.getpid() and process.pid != child:
                    os.waitpid(process.pid, os.WNOHANG)  # noqa: ASYNC222 (it does not wait)
        await asyncio.sleep(KILL_POLL if alive else 0)


_die = die_with_parent(signal.SIGKILL)


def _prepare() -> None:
    _die()
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})  # until the job can hear it


def supervise(control: str) -> None:
    """Run the job of this control folder in the present process; the note of its end is in the folder then."""
    asyncio.run(Supervisor(Control(Path(control))).run())


if __name__ == "__main__":
    supervise(sys.argv[1])
