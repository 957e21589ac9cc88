"""LangGraph's server as a child process: in an environment of its own, offline, without any account."""

from __future__ import annotations

import asyncio
import os
import socket
import urllib.error
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Self

from graph.studio import CREW_VARIABLE
from protocol.crew import CrewPlan
from protocol.errors import BadInput, PostdocsError
from services.bus_server import Connection
from services.casting import cast
from services.child import die_with_parent

ROOT = Path(__file__).parents[2]
"""Where `langgraph.json` is."""
START_SECONDS = 120.0
STOP_SECONDS = 3.0
AT_ONCE = 10
"""Threads that may run at once."""
OFFLINE = {
    "LANGSMITH_TRACING": "false",
    "LANGGRAPH_CLI_NO_ANALYTICS": "1",
    "LANGGRAPH_NO_VERSION_CHECK": "true",
}
"""No trace, no usage figure and no question about versions leaves the machine."""
ACCOUNT = ("LANGSMITH_", "LANGCHAIN_", "LANGGRAPH_CLOUD_")
"""Variables of an account: with a key among them the server would report to it."""
STUDIO_PAGE = "https://smith.langchain.com/studio/?baseUrl="


class ServerFailed(PostdocsError):
    """LangGraph's server does not start, or has ended."""

    def __init__(self, what: str, log: Path) -> None:
        super().__init__(f"LangGraph's server {what}: see {log}")


class LangGraphServer:
    """`async with LangGraphServer(…) as server:` … `server.url`. It dies with this process."""

    def __init__(self, command: Path, host: str, port: int, connection: Connection, runs_dir: Path) -> None:
        self._command, self._host, self._port, self._connection = command, host, port, connection
        self.url = f"http://{host}:{port}"
        self.log = runs_dir.resolve() / ".studio" / "langgraph.log"
        self._process: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> Self:
        if not self._command.is_file():
            raise BadInput(f"{self._command} is not there: install LangGraph's server with make .venv-studio")
        if not _free(self._host, self._port):
            raise BadInput(f"port {self._port} is taken: give another with --port (make studio PORT=2025)")
        self.log.parent.mkdir(parents=True, exist_ok=True)
        place = self.log.parent / "server"
        place.mkdir(exist_ok=True)
        argv = [
            "dev",
            "--no-browser",
            "--no-reload",
            "--n-jobs-per-worker",
            str(AT_ONCE),
            "--allow-blocking",
        ]  # files on their way
        argv += ["--config", str(ROOT / "langgraph.json"), "--host", self._host, "--port", str(self._port)]
        with self.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                str(self._command.absolute()),
                *argv,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=place,  # it keeps its threads in `.langgraph_api/` there
                env=self._environment(),
                start_new_session=True,
                preexec_fn=die_with_parent(),
            )
        await self._until_it_answers()
        return self

    def _environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(ACCOUNT)}
        kept.pop("POSTDOCS_BUS_TOKEN", None)
        token = {"POSTDOCS_BUS_TOKEN": self._connection.token} if self._connection.token else {}
        path = {"PYTHONPATH": str(ROOT), CREW_VARIABLE: cast(CrewPlan(), None).model_dump_json()}
        return kept | path | token | OFFLINE | {"POSTDOCS_BUS_URL": self._connection.url, "PYTHONUNBUFFERED": "1"}

    async def _until_it_answers(self) -> None:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + START_SECONDS
        while loop.time() < deadline:
            if self._process is not None and self._process.returncode is not None:
                raise ServerFailed(f"ended with code {self._process.returncode} before it answered", self.log)
            if await asyncio.to_thread(_answers, f"{self.url}/ok"):
                return
            await asyncio.sleep(0.2)
        raise ServerFailed(f"has not answered for {START_SECONDS:.0f} s", self.log)

    async def ended(self) -> None:
        """Wait for its end, which is a failure. Raises `ServerFailed`."""
        assert self._process is not None
        raise ServerFailed(f"ended with code {await self._process.wait()}", self.log)

    def welcome(self) -> str:
        """What the user wants to know."""
        return (
            f"Studio   {STUDIO_PAGE}{self.url}\n"
            f"server   {self.url}   (its API: {self.url}/docs)\n"
            f"log      {self.log}\n"
            "Ctrl-C stops all of it; runs go on when their threads are opened again."
        )

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        process = self._process
        if process is None or process.returncode is not None:
            return
        process.terminate()
        try:
            await asyncio.wait_for(process.wait(), STOP_SECONDS)
        except TimeoutError:
            process.kill()
            await process.wait()


def _free(host: str, port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return bool(answer.status == 200)
    except (OSError, urllib.error.URLError):
        return False
