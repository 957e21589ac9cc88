"""The processes of a run, kept alive: one that dies is started again, a bounded number of times.

What a dead one was working on is not lost: requests are asked again under the same id, jobs are delivered again.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

from protocol.errors import BadInput, PostdocsError
from protocol.tasks import stop
from services.bus_server import Connection
from services.child import die_with_parent

MAX_RESTARTS = 5
"""Of one child in one session; a service that dies so often has a fault that a restart does not mend."""
STOP_SECONDS = 1.0
"""Between the polite signal and the other; all that matters is in the journal and on disk by then."""
BACKOFF_SECONDS = 0.5


class ServiceDied(PostdocsError):
    """A child process died again and again."""

    def __init__(self, name: str, code: int, log: Path) -> None:
        self.name, self.code, self.log = name, code, log
        super().__init__(f"the {name} process died {MAX_RESTARTS + 1} times, last with code {code}: see {log}")


class ServiceRefused(BadInput):
    """A child process says that it was given something wrong: to start it again would not mend that."""

    def __init__(self, name: str, log: Path) -> None:
        self.name, self.log = name, log
        super().__init__(f"the {name} process does not start: {last_line(log)}")


def last_line(log: Path) -> str:
    """What a process said last."""
    lines = log.read_text(errors="replace").strip().splitlines() if log.exists() else []
    return lines[-1] if lines else "it said nothing"


@dataclass
class Children:
    """Starts, watches and stops the processes of one run."""

    connection: Connection
    logs: Path
    _processes: dict[str, asyncio.subprocess.Process] = field(default_factory=dict)
    _watchers: list[asyncio.Task[int]] = field(default_factory=list)
    _companions: dict[str, asyncio.Task[int]] = field(default_factory=dict)

    async def start(self, name: str, *argv: str, ends: Collection[int] = ()) -> None:
        """Start `python ARGV…` and keep it alive, unless it exits with one of the codes `ends`. Its output goes to
        `logs/<name>.log`."""
        self.logs.mkdir(parents=True, exist_ok=True)
        await self._spawn(name, argv)
        self._watchers.append(asyncio.create_task(self._keep(name, argv, ends)))

    async def accompany(self, name: str, *argv: str) -> None:
        """As `start`, for a child that a run can go without: when it cannot be kept alive, its log is all that tells.
        It may also end by itself, with code 0."""
        self.logs.mkdir(parents=True, exist_ok=True)
        await self._spawn(name, argv)
        self._companions[name] = asyncio.create_task(self._keep(name, argv, ends=(0,)))

    async def ended(self, name: str, seconds: float) -> None:
        """Wait for a companion to end by itself, at most so long."""
        if name in self._companions:
            await asyncio.wait({self._companions[name]}, timeout=seconds)

    async def _spawn(self, name: str, argv: tuple[str, ...]) -> None:
        with (self.logs / f"{name}.log").open("ab") as log:
            self._processes[name] = await asyncio.create_subprocess_exec(
                sys.executable,
                *argv,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self._environment(),
                start_new_session=True,  # Ctrl-C is for the launcher, which stops its children itself
                preexec_fn=die_with_parent(),
            )

    def _environment(self) -> dict[str, str]:
        """Ours, with this connection's token or none: an empty or inherited one would shadow that in the URL. Without
        the artifact store's URL: a worker started here shares the run's disk, and would carry all by way of the store.
        """
        own = ("POSTDOCS_BUS_TOKEN", "POSTDOCS_ARTIFACTS")
        inherited = {name: value for name, value in os.environ.items() if name not in own}
        token = {"POSTDOCS_BUS_TOKEN": self.connection.token} if self.connection.token else {}
        return inherited | token | {"POSTDOCS_BUS_URL": self.connection.url, "PYTHONUNBUFFERED": "1"}

    async def finish(self, name: str, *argv: str, ends: Collection[int]) -> int:
        """Run `python ARGV…` until it exits with one of the codes `ends`; the code. Started again where it dies.

        Raises `ServiceDied` when it does so again and again, `ServiceRefused` when it exits with 2.
        """
        self.logs.mkdir(parents=True, exist_ok=True)
        await self._spawn(name, argv)
        return await self._keep(name, argv, ends)

    async def _keep(self, name: str, argv: tuple[str, ...], ends: Collection[int] = ()) -> int:
        for restarts in range(MAX_RESTARTS + 1):
            code = await self._processes[name].wait()
            if code in ends:
                return code
            if code == BadInput.exit_code:
                raise ServiceRefused(name, self.logs / f"{name}.log")
            if restarts == MAX_RESTARTS:
                break
            await asyncio.sleep(BACKOFF_SECONDS * 2**restarts)
            await self._spawn(name, argv)
        raise ServiceDied(name, code, self.logs / f"{name}.log")

    async def failed(self) -> None:
        """Return never; raise `ServiceDied` or `ServiceRefused` when a child cannot be kept alive."""
        if self._watchers:
            done, _ = await asyncio.wait(self._watchers, return_when=asyncio.FIRST_EXCEPTION)
            for watcher in done:
                watcher.result()
        await asyncio.Event().wait()

    async def stop(self) -> None:
        """Stop all, politely, then not."""
        await stop([*self._watchers, *self._companions.values()])
        running = [process for process in self._processes.values() if process.returncode is None]
        for process in running:
            process.terminate()
        waits = [asyncio.create_task(process.wait()) for process in running]
        if waits:
            await asyncio.wait(waits, timeout=STOP_SECONDS)
        for process in running:
            if process.returncode is None:
                process.kill()
        await asyncio.gather(*waits)
