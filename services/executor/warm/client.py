"""The worker's side of the zygote: starts it, asks it for forks and signals, hears which jobs have ended."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import psutil

from services.child import die_with_parent
from services.executor.backends.backend import BackendFailed
from services.executor.sandbox.environment import of_zygote
from services.executor.warm.messages import (
    FROM_ZYGOTE,
    Exited,
    FromZygote,
    Ready,
    Renew,
    Signal,
    Start,
    Started,
    ToZygote,
)
from services.executor.warm.preload import MODULES

log = logging.getLogger(__name__)
START_SECONDS = 120.0
"""Cold imports take 5 to 10 s, from a network disk much longer."""
FORK_SECONDS = 20.0


@dataclass(frozen=True)
class Fork:
    """A job that was asked for: its process id comes first, its end later."""

    key: str
    started: asyncio.Future[int]
    exited: asyncio.Future[Exited]

    def lose(self, error: BackendFailed) -> None:
        """Whoever waits gets `error`."""
        for future in (self.started, self.exited):
            if not future.done():
                future.set_exception(error)
                future.exception()  # not everybody waits, of which asyncio would complain


class ZygoteClient:
    """One zygote process."""

    def __init__(
        self, environment: Mapping[str, str], sandboxed: bool = True, modules: Sequence[str] = MODULES
    ) -> None:
        """Of the environment it gets what jobs may see: they are copies of it. It imports `modules`."""
        self._modules = modules
        self._environment = of_zygote(environment, sandboxed=sandboxed)
        self._process: asyncio.subprocess.Process | None = None
        self._listener: asyncio.Task[None] | None = None
        self._ready: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        self._forks: dict[str, Fork] = {}
        self.forks = 0
        """Jobs that it was asked to fork so far."""
        self._memory = 0
        """Bytes that it took when it was ready."""

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.returncode is None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def jobs(self) -> int:
        """How many of its jobs run."""
        return len(self._forks)

    @property
    def growth(self) -> int:
        """Bytes by which it has grown since it was ready."""
        return self._resident() - self._memory

    async def idle(self) -> None:
        """Wait until none of its jobs runs."""
        while self._forks:
            await asyncio.wait({fork.exited for fork in self._forks.values()})

    async def open(self) -> float:
        """Start it and wait until it has imported everything; the seconds that took. Raises `BackendFailed`."""
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "services.executor.warm.zygote",
            *self._modules,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env=self._environment,
            start_new_session=True,  # Ctrl-C is the worker's to handle
            preexec_fn=die_with_parent(signal.SIGTERM),  # not SIGKILL: it has jobs to kill first
        )
        self._listener = asyncio.create_task(self._listen())
        try:
            seconds = await asyncio.wait_for(asyncio.shield(self._ready), START_SECONDS)
        except TimeoutError:
            raise BackendFailed(f"the zygote was not ready after {START_SECONDS:.0f} s") from None
        self._memory = self._resident()
        return seconds

    async def start(self, request: Start) -> Fork:
        """Fork a job. Raises `BackendFailed`."""
        loop = asyncio.get_running_loop()
        self.forks += 1
        fork = self._forks[request.key] = Fork(request.key, loop.create_future(), loop.create_future())
        try:
            await self._send(request)
            await asyncio.wait_for(asyncio.shield(fork.started), FORK_SECONDS)
        except (TimeoutError, asyncio.CancelledError) as error:
            await self.signal(fork, signal.SIGKILL)  # it may be running by now, and nobody would know
            if isinstance(error, TimeoutError):
                raise BackendFailed(f"no fork within {FORK_SECONDS:.0f} s") from error
            raise
        return fork

    async def signal(self, fork: Fork, number: int, group: bool = True) -> None:
        """Signal a job; nothing happens when it has ended already."""
        if self.alive and not fork.exited.done():
            await self._send(Signal(key=fork.key, number=number, group=group))

    async def renew(self, fork: Fork, until: float) -> None:
        """Let a job live until then, by `lease.clock`."""
        if self.alive and not fork.exited.done():
            await self._send(Renew(key=fork.key, until=until))

    def _resident(self) -> int:
        try:
            return int(psutil.Process(self.pid).memory_info().rss)
        except psutil.Error:  # it has died, and holds nothing
            return 0

    async def close(self) -> None:
        """End it, and with it its jobs."""
        if self._process is not None and self._process.returncode is None:
            self._process.terminate()
            try:
                await asyncio.wait_for(self._process.wait(), 5)
            except TimeoutError:
                self._process.kill()
                await self._process.wait()
        if self._listener is not None:
            await self._listener

    async def _send(self, request: ToZygote) -> None:
        if self._process is None or self._process.stdin is None:
            raise BackendFailed("the zygote is not started")
        try:
            self._process.stdin.write(request.model_dump_json().encode() + b"\n")
            await asyncio.wait_for(self._process.stdin.drain(), 5)
        except (OSError, TimeoutError) as error:
            raise BackendFailed(f"the zygote does not listen: {error or type(error).__name__}") from error

    async def _listen(self) -> None:
        """Hear it out, until it ends."""
        assert self._process is not None and self._process.stdout is not None
        async for line in self._process.stdout:
            self._hear(FROM_ZYGOTE.validate_json(line))
        self._lost(await self._process.wait())

    def _hear(self, message: FromZygote) -> None:
        if isinstance(message, Ready):
            self._ready.set_result(message.seconds)
            return
        fork = self._forks[message.key]
        if isinstance(message, Started):
            fork.started.set_result(message.pid)
            return
        del self._forks[message.key]
        if isinstance(message, Exited):
            fork.exited.set_result(message)
        else:
            fork.lose(BackendFailed(f"fork: {message.error}"))

    def _lost(self, code: int) -> None:
        """The zygote is gone: its jobs die with it, what they had started is killed here."""
        for fork in self._forks.values():
            if fork.started.done() and not fork.started.exception():
                try:
                    os.killpg(fork.started.result(), signal.SIGKILL)
                except ProcessLookupError:
                    log.debug("job %s died with its zygote", fork.key)
            fork.lose(BackendFailed(f"the zygote ended with code {code}"))
        self._forks.clear()
        if not self._ready.done():
            why = f"the zygote ended with code {code} while it loaded: pip install 'postdocs[train]'"
            self._ready.set_exception(BackendFailed(why))
            self._ready.exception()
