"""A small outside world for tests: one local HTTP server that stands in for every service that the tools ask."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from huggingface_hub import constants

from protocol.brief import Task
from protocol.control import Tell
from protocol.message import Message
from protocol.research import ReviewRequest
from tools.papers import full_text
from tools.papers.pace import ARXIV_PACE
from tools.tool import Desk, Tool

KEYS = ("SEMANTIC_SCHOLAR_API_KEY", "BRAVE_API_KEY", "GITHUB_TOKEN", "HF_TOKEN")
SERVICES = {
    "POSTDOCS_ARXIV_API_URL": "",
    "POSTDOCS_ARXIV_URL": "",
    "POSTDOCS_AR5IV_URL": "/ar5iv",
    "POSTDOCS_SEMANTIC_SCHOLAR_URL": "",
    "POSTDOCS_BRAVE_URL": "/brave",
    "POSTDOCS_GITHUB_URL": "/github",
    "POSTDOCS_GITHUB_RAW_URL": "/raw",
    "HF_ENDPOINT": "",
    "POSTDOCS_DATASETS_SERVER_URL": "/viewer",
}
"""Variable → where in the one server the service is."""


class Asked(NamedTuple):
    path: str
    query: dict[str, str]
    """Of a name that is given several times the last value."""
    headers: dict[str, str]
    values: dict[str, list[str]] = {}


class Reply(NamedTuple):
    content: bytes | str | dict[str, Any] | list[Any] = b""
    status: int = 200
    headers: dict[str, str] = {}
    seconds: float = 0.0


BUSY = Reply({"message": "slow down"}, 429, {"Retry-After": "0"})
NOT_FOUND = Reply({"error": "not found"}, 404)
BROKEN = Reply("oops", 503, {"Retry-After": "0"})
Answer = Reply | Callable[[Asked], Reply] | list[Reply]


@dataclass
class Site:
    """Path → what is answered there: a reply, several in turn, or a function. Elsewhere 404, or `otherwise`."""

    where: str = ""
    answers: dict[str, Answer] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    otherwise: Reply = NOT_FOUND

    @property
    def url(self) -> str:
        return f"http://{self.where}"

    def on(self, path: str, *replies: Reply | Callable[[Asked], Reply]) -> None:
        self.answers[path] = replies[0] if len(replies) == 1 else list(replies)  # type: ignore[arg-type]

    def reply(self, asked: Asked) -> Reply:
        self.asked.append(asked)
        answer = self.answers.get(asked.path, self.otherwise)
        if isinstance(answer, list):
            return answer.pop(0) if len(answer) > 1 else answer[0]
        return answer if isinstance(answer, Reply) else answer(asked)


def serve(site: Site) -> ThreadingHTTPServer:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            values = parse_qs(parts.query)
            query = {name: given[-1] for name, given in values.items()}
            headers = {name.lower(): value for name, value in self.headers.items()}
            reply = site.reply(Asked(unquote(parts.path), query, headers, values))
            time.sleep(reply.seconds)
            content = reply.content if isinstance(reply.content, bytes | str) else json.dumps(reply.content)
            body = content.encode() if isinstance(content, str) else content
            kind = "application/json" if isinstance(reply.content, dict | list) else "text/html; charset=utf-8"
            self.send_response(reply.status)
            for name, value in ({"Content-Type": kind, "Content-Length": str(len(body))} | reply.headers).items():
                self.send_header(name, value)
            self.end_headers()
            try:
                self.wfile.write(b"" if self.command == "HEAD" else body)
            except (BrokenPipeError, ConnectionResetError):
                """Whoever asked has had enough."""

        do_HEAD = do_GET

        def log_message(self, format: str, *args: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    site.where = f"127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    return server


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """All services at one local server, no keys, no pace."""
    site = Site()
    server = serve(site)
    for variable, prefix in SERVICES.items():
        monkeypatch.setenv(variable, site.url + prefix)
    for key in (*KEYS, "POSTDOCS_SEARCH_URL"):
        monkeypatch.delenv(key, raising=False)
    monkeypatch.setenv("POSTDOCS_WEB_HOSTS", site.where)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", os.devnull)
    monkeypatch.setattr(ARXIV_PACE, "seconds", 0.0)
    monkeypatch.setattr(ARXIV_PACE, "_next", 0.0)
    full_text._read.clear()
    yield site
    server.shutdown()
    server.server_close()


async def _nobody(recipient: str, message: Message) -> Message:
    raise AssertionError("nobody is to be asked")


async def use(tool: Tool, **arguments: object) -> str:
    """What the tool says, called as the bench calls it."""
    return await use_for(Tell(text="?"), tool, **arguments)


async def use_for(request: Message, tool: Tool, **arguments: object) -> str:
    """What the tool says to a mind that is answering `request`."""
    desk = Desk(request, Path(), Path(), _nobody)
    return await tool.run(tool.arguments.model_validate(arguments), desk)


def made_elsewhere(*origin: str) -> list[ReviewRequest]:
    """Requests of tasks whose test split comes from there: by the harness of a benchmark, and by a generator."""
    told = {"name": "sums", "goal": "Add.", "base_model": "tiny", "prompt": "{question}", "answer": "{answer}"}
    told["data"] = [{"name": "own", "file": "a.jsonl"}]  # type: ignore[assignment]
    made = {"dev": {"file": "dev.jsonl"}, "test": {"generator": "make.py", "origin": origin}}
    tasks = [{"metric": "lm_eval:sums", "benchmark": {"origin": origin}}, {"eval": made}]
    return [ReviewRequest(task=Task.model_validate(told | one), folder="run", task_folder="task") for one in tasks]
