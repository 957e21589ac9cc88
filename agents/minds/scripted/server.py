"""A server for one script: OpenAI's `POST /v1/chat/completions`, `POST /v1/responses` and `GET /v1/models`, Anthropic's
`POST /v1/messages`.

It counts tokens as characters / 4 of the request's own body, and says so to nobody.
"""

from __future__ import annotations

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self, cast

from agents.minds.scripted import anthropic, chat, responses
from agents.minds.scripted.faults import Fault, Faults
from agents.minds.scripted.talk import Call, Conversation, Reply, Script

CHARACTERS_A_TOKEN = 4
APIS = {api.PATH: api for api in (chat, responses, anthropic)}


class ScriptedServer:
    """Serves while it is entered. `seen` holds every conversation that it was asked to go on with."""

    def __init__(
        self,
        script: Script,
        faults: Faults | None = None,
        port: int = 0,
        *,
        reasons: bool = False,
        gateway: bool = False,
    ) -> None:
        """`reasons`: as gpt-5.5 does unasked, which its chat completions do not take beside tools; `gateway`: it knows
        chat completions alone."""
        self.script, self.faults, self.reasons, self.gateway = script, faults or Faults(), reasons, gateway
        self.seen: list[Conversation] = []
        self.billed: list[int] = []
        """Tokens of each, prompt and reply together."""
        self.cached: list[int] = []
        """Tokens that Anthropic's API has read from its cache, for each request that wanted it to."""
        self.headers: list[dict[str, str]] = []
        """Of each request, faults included; names in lower case."""
        self.paths: list[str] = []
        self._kept: set[str] = set()
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", port), _Handler)
        self._server.daemon_threads = True
        self._server.owner = self  # type: ignore[attr-defined]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._server.shutdown()
        self._server.server_close()

    def cache(self, kept: object) -> tuple[int, int]:
        """(written, read) tokens of what a request wants to be kept."""
        if kept is None:
            return 0, 0
        text, size = json.dumps(kept), tokens(kept)
        with self._lock:
            known = text in self._kept
            self._kept.add(text)
            self.cached.append(size if known else 0)
        return (0, size) if known else (size, 0)

    def completion(self, body: dict[str, Any], fault: Fault | None, prompt: int) -> dict[str, Any]:
        """The body of the answer to a request of so many tokens."""
        tools = {tool["function"]["name"]: tool["function"].get("parameters", {}) for tool in body.get("tools") or ()}
        talk = Conversation(body["messages"], tools)
        message, reason = _message(_spoilt(fault) if fault in SPOILT else self.script(talk), fault)
        reply = tokens(message)
        with self._lock:
            self.seen.append(talk)
            self.billed.append(prompt + reply)
            number = len(self.seen)
        return {
            "id": f"chatcmpl-{number}",
            "object": "chat.completion",
            "created": int(time.time()),
            "model": body.get("model", "scripted"),
            "choices": [{"index": 0, "message": message, "finish_reason": reason}],
            "usage": {"prompt_tokens": prompt, "completion_tokens": reply, "total_tokens": prompt + reply},
        }


def tokens(said: object) -> int:
    """A count for what is sent as JSON."""
    return len(json.dumps(said, ensure_ascii=False)) // CHARACTERS_A_TOKEN


def prompt_tokens(body: dict[str, Any]) -> int:
    """Of all that a model gets to read: the conversation and the schemas of the tools, as providers bill them."""
    return tokens([body.get(name) for name in ("system", "messages", "input", "tools")])


SPOILT = ("empty", "refusal", "unknown_tool")


def _spoilt(fault: Fault | None) -> Reply:
    if fault == "unknown_tool":
        return Call("no_such_tool", {"anything": 1})
    return "I'm sorry, but I can't help with that." if fault == "refusal" else ""


def _message(reply: Reply, fault: Fault | None) -> tuple[dict[str, Any], str]:
    """The assistant's message, and why it ended."""
    if isinstance(reply, str) or fault == "too_long":
        text = reply if isinstance(reply, str) else "Let me think about this at length"
        return {"role": "assistant", "content": text}, "length" if fault == "too_long" else "stop"
    calls = reply if isinstance(reply, list) else [reply]
    told = [
        {
            "id": f"call_{time.monotonic_ns()}_{number}",
            "type": "function",
            "function": {
                "name": call.tool,
                "arguments": '{"cut": ' if fault == "bad_arguments" else json.dumps(dict(call.arguments)),
            },
        }
        for number, call in enumerate(calls)
    ]
    return {"role": "assistant", "content": None, "tool_calls": told}, "tool_calls"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    @property
    def owner(self) -> ScriptedServer:
        return cast(ScriptedServer, self.server.owner)  # type: ignore[attr-defined]

    def do_GET(self) -> None:
        models = [{"id": "scripted", "object": "model", "created": 0, "owned_by": "postdocs"}]
        self._send(200, {"object": "list", "data": models})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"{}")
        self.owner.paths.append(self.path)
        self.owner.headers.append({name.lower(): value for name, value in self.headers.items()})
        path = self.path.partition("?")[0]
        api = next((api for end, api in APIS.items() if path.endswith(end)), None)
        if api is None or (api is responses and self.owner.gateway):
            return self._send(404, _error("not_found", f"no {self.path} here"))
        fault = self.owner.faults.next()
        if fault == "rate_limit":
            later = {"Retry-After": f"{self.owner.faults.retry_after:g}"}
            return self._send(429, _error("rate_limit_exceeded", "Rate limit reached"), later)
        if fault == "server_error":
            return self._send(500, _error("server_error", "The server had an error"))
        if fault == "overflow":
            text = "This model's maximum context length is 8192 tokens, your messages resulted in more"
            return self._send(400, _error("context_length_exceeded", text))
        if fault == "garbage":
            return self._raw(200, b"<html><body>Bad gateway</body></html>", "text/html")
        if fault == "wrong_json":
            return self._send(200, {"detail": ["this", "is", "no", "completion"]})
        told = api.refused(body) if self.owner.reasons or api is not chat else None
        if told is not None:
            return self._send(400, _error("invalid_request_error", told))
        if fault == "slow":
            time.sleep(self.owner.faults.slow_seconds)
        completion = self.owner.completion(api.request(body), fault, prompt_tokens(body))
        kept = self.owner.cache(anthropic.kept(body)) if api is anthropic else ()
        return self._send(200, api.reply(completion, *kept), cut=fault == "cut")

    def _send(
        self, status: int, body: dict[str, Any], headers: dict[str, str] | None = None, cut: bool = False
    ) -> None:
        self._raw(status, json.dumps(body).encode(), "application/json", headers, cut)

    def _raw(
        self, status: int, data: bytes, kind: str, headers: dict[str, str] | None = None, cut: bool = False
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data[: len(data) // 2] if cut else data)
        self.close_connection = self.close_connection or cut

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


def _error(code: str, message: str) -> dict[str, Any]:
    return {"error": {"message": message, "type": code, "param": None, "code": code}}
