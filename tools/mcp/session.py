"""One MCP server in one turn of a role, by a process apart that holds its tokens and ends with the turn."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import to_json

from tools.mcp.config import Server
from tools.mcp.wire import Call, Listed, Result, Start
from tools.tool import ToolFault

ROOT = Path(__file__).parents[2]
LINE_BYTES = 8 << 20
MOST_BYTES = 200_000
"""Of a call's arguments."""
LOAD_SECONDS = 20.0
"""For the process to load what it speaks with: two seconds, on a machine that is not busy."""
MARGIN_SECONDS = 5.0
"""The process keeps the server's time itself; one that does not answer so much later is stuck."""
STOP_SECONDS = 12.0
"""The process has 5 s to stop the server in good order, and 5 s to end it otherwise."""
PASSED = ("PATH", "HOME", "USER", "LOGNAME", "SHELL", "TERM", "LANG", "LC_ALL", "SYSTEMROOT", "VIRTUAL_ENV")
"""A program gets of these what `mcp` lets through (`get_default_environment`), besides what the config names."""
FOR_HTTP = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR")
SECRET_CHARACTERS = 6
"""What is shorter is a word of its own, which cannot be taken out of a text."""
HIDDEN = "[hidden]"


class Session:
    """A server that has been started, or asked; `fault` says why it cannot be used."""

    def __init__(self, server: Server) -> None:
        self.server, self.listed = server, Listed()
        self._process: asyncio.subprocess.Process | None = None
        self._waiting: dict[int, asyncio.Future[Result]] = {}
        self._listening: asyncio.Task[None] | None = None
        self._number, self._dead = 0, False

    async def start(self, seconds: float, load_seconds: float = LOAD_SECONDS) -> Listed:
        """What it offers, or why it cannot be used; never raises for a server's fault."""
        server = self.server
        if server.missing:
            return Listed(fault=f"{' and '.join(server.missing)} is not set")
        start = Start(
            command=server.command,
            args=server.args,
            env=server.env | {name: os.environ[name] for name in server.variables},
            url=server.url,
            headers=server.headers | self._authorization(),
            seconds=server.seconds,
            start_seconds=seconds,
        )
        try:
            async with asyncio.timeout(seconds + load_seconds):
                stdout = await self._spawn(start)
                self.listed = Listed.model_validate_json(self._plain(await stdout.readline()))
        except TimeoutError:
            return Listed(fault=f"it did not answer within {seconds:.0f} s")
        except (
            OSError,
            ValueError,
        ) as error:  # no process; or it has said what is no answer, or more than a line takes
            told = "no answer" if isinstance(error, ValidationError) else type(error).__name__
            return Listed(fault=f"it could not be spoken to ({told})")
        self._listening = asyncio.create_task(self._listen(stdout))
        return self.listed

    async def call(self, tool: str, arguments: Mapping[str, Any]) -> str:
        """What the tool says. Raises `ToolFault`, in the server's words where it has any."""
        process = self._process
        if self._dead or process is None or process.stdin is None:
            raise ToolFault(self._gone())
        if len(to_json(arguments)) > MOST_BYTES:
            raise ToolFault(f"these arguments take more than {MOST_BYTES:,} bytes: send less")
        self._number += 1
        number, answer = self._number, asyncio.get_running_loop().create_future()
        self._waiting[number] = answer
        try:
            line = Call(number=number, tool=tool, arguments=dict(arguments)).model_dump_json()
            process.stdin.write(f"{line}\n".encode())
            await process.stdin.drain()
            async with asyncio.timeout(self.server.seconds + MARGIN_SECONDS):
                result = await answer
        except TimeoutError as error:
            raise ToolFault(f"the MCP server {self.server.name} did not answer in time") from error
        except OSError as error:
            raise ToolFault(self._gone()) from error
        finally:
            self._waiting.pop(number, None)
        if result.dead:
            self._dead = True
            raise ToolFault(self._gone())
        if result.failed:
            raise ToolFault(f"{tool} failed: {result.text.strip() or 'without a word'}")
        return result.text or "(nothing)"

    async def stop(self) -> None:
        """End the process, which ends what it has started."""
        process, self._dead = self._process, True
        if process is None:
            return
        if process.stdin is not None:
            process.stdin.close()
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await process.wait()
        except TimeoutError:
            """It is stuck."""
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
            if self._listening is not None:
                self._listening.cancel()
                await asyncio.gather(self._listening, return_exceptions=True)

    async def _spawn(self, start: Start) -> asyncio.StreamReader:
        passed = PASSED if start.command is not None else (*PASSED, *FOR_HTTP, *map(str.lower, FOR_HTTP))
        environment = {name: os.environ[name] for name in passed if name in os.environ}
        self._process = process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tools.mcp.child"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env=environment | {"PYTHONPATH": str(ROOT)},
            cwd="/",
            limit=LINE_BYTES,
            start_new_session=True,  # a Ctrl-C at the terminal is the crew's to hear
        )
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write(f"{start.model_dump_json()}\n".encode())
        await process.stdin.drain()
        return process.stdout

    async def _listen(self, stdout: asyncio.StreamReader) -> None:
        """Hand the answers to those who wait for them; when there are no more, say so."""
        try:
            while line := await stdout.readline():
                result = Result.model_validate_json(self._plain(line))
                if (waiting := self._waiting.get(result.number)) is not None and not waiting.done():
                    waiting.set_result(result)
        except ValueError:
            """Its process says what it should not: it is of no use any more."""
        finally:
            self._dead = True
            for number, waiting in self._waiting.items():
                if not waiting.done():
                    waiting.set_result(Result(number=number, text="", failed=True, dead=True))

    def _plain(self, line: bytes) -> str:
        """Without the values that were given to this server alone: it may say them back."""
        text = line.decode(errors="replace")
        for secret in sorted(self.server.secrets, key=len, reverse=True):
            if len(secret) >= SECRET_CHARACTERS:
                in_text = _escaped(secret)
                text = text.replace(_escaped(in_text), HIDDEN).replace(in_text, HIDDEN)  # in JSON within a text, too
        return text

    def _authorization(self) -> dict[str, str]:
        token = self.server.token
        return {"Authorization": f"Bearer {os.environ[token].strip()}"} if token else {}

    def _gone(self) -> str:
        return f"the MCP server {self.server.name} does not answer any more: go on without its tools"


def _escaped(text: str) -> str:
    """As it stands between the quotes of JSON."""
    return to_json(text).decode()[1:-1]
