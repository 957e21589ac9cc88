"""An MCP server for tests, over streamable HTTP in a thread: it remembers what it was sent, and can send elsewhere."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn
from mcp.server.fastmcp import FastMCP


class WebServer:
    """`/mcp` asks for `token`; `/moved` redirects to `elsewhere`."""

    def __init__(self, token: str = "", elsewhere: str = "") -> None:
        self.token, self.elsewhere = token, elsewhere
        self.asked: list[dict[str, str]] = []
        """Headers of each request."""
        self._socket = socket.socket()
        self._socket.bind(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        made = FastMCP("lab")
        made.add_tool(lambda query: f"runs like {query}", "list_runs", description="Lists runs.")
        self._inner = made.streamable_http_app()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self._inner(scope, receive, send)
            return
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        self.asked.append(headers)
        if scope["path"] == "/moved":
            await _answer(send, 307, [(b"location", f"{self.elsewhere}/mcp".encode())])
        elif self.token and headers.get("authorization") != f"Bearer {self.token}":
            await _answer(send, 401, [])
        else:
            await self._inner(scope, receive, send)

    @contextmanager
    def running(self) -> Iterator[WebServer]:
        server = uvicorn.Server(uvicorn.Config(self, log_level="error", timeout_graceful_shutdown=1))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [self._socket]}, daemon=True)
        self._socket.listen()
        thread.start()
        yield self
        server.should_exit = True
        thread.join()


async def _answer(send: Any, status: int, headers: list[tuple[bytes, bytes]]) -> None:
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b""})
