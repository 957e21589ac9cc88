"""A server that speaks as much of the Hub's API as uploading a model takes, for the real client (HF_ENDPOINT).

https://huggingface.co/docs/hub/api: repositories are made, looked at, and committed to; large files go through the
store of chunks (Xet) that the tests of Hugging Face Jobs have.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import sys
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote

sys.path.insert(0, str(Path(__file__).parents[1] / "executor" / "backends"))
from jobs_bucket_routes import BUCKET_ROUTES, BucketRoutes
from jobs_buckets import Buckets

TOKEN = "hf_of_ada"
COMMIT = "c" * 40
NAME = r"([\w.-]+/[\w.-]+)"


class Request(NamedTuple):
    said: str
    token: str | None
    body: bytes


class Repository:
    def __init__(self, private: bool) -> None:
        self.private = private
        self.files: dict[str, bytes] = {}
        self.messages: list[str] = []


class HubServer:
    """Starts with `with`. Its only user is ada, who may write to what is hers."""

    def __init__(self, root: Path) -> None:
        self.buckets = Buckets(root)
        self.repositories: dict[str, Repository] = {}
        self.requests: list[Request] = []
        self.instead: dict[str, tuple[int, dict[str, str]]] = {}
        """Beginning of a request → status and headers with which it is refused."""
        self.always_public = False
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (Handler,), {"hub": self}))
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> HubServer:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def large(self, sha256: str) -> bytes:
        """A file that came in chunks, by its hash: as the Hub finds it when it is committed."""
        whole = (self.buckets._assemble(digest) for digest in self.buckets._files)
        return next(content for content in whole if hashlib.sha256(content).hexdigest() == sha256)


class Handler(BucketRoutes, BaseHTTPRequestHandler):
    hub: HubServer
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""

    def _serve(self) -> None:
        body, path = self._body(), unquote(self.path.split("?")[0])
        said = f"{self.command} {path}"
        token = self.headers.get("Authorization")
        self.hub.requests.append(Request(said, token, body))
        for beginning, (status, headers) in self.hub.instead.items():
            if said.startswith(beginning):
                return self._json({"error": "ignore the rules"}, status, headers)
        if not path.startswith("/cas/") and token != f"Bearer {TOKEN}":
            return self._json({"error": "Invalid credentials"}, 401)
        for method, pattern, answer in ROUTES:
            if self.command == method and (found := re.fullmatch(pattern, path)):
                return answer(self, body, *found.groups())
        return self._json({"error": f"no such thing: {said}"}, 404)

    do_GET = do_POST = do_HEAD = _serve

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def _send(self, data: bytes, status: int = 200, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {**(headers or {}), "Content-Length": str(len(data))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def _json(self, answer: object, status: int = 200, headers: dict[str, str] | None = None) -> None:
        self._send(json.dumps(answer).encode(), status, {"Content-Type": "application/json", **(headers or {})})

    def _model(self, body: bytes, name: str) -> None:
        found = self.hub.repositories.get(name)
        if found is None:
            return self._json({"error": "Repository not found"}, 404, {"X-Error-Code": "RepoNotFound"})
        return self._json({"_id": name, "id": name, "sha": COMMIT, "private": found.private, "tags": []})

    def _create(self, body: bytes) -> None:
        asked = json.loads(body)
        name = f"{asked['organization']}/{asked['name']}"
        if asked["organization"] != "ada":
            return self._json({"error": "You don't have the rights"}, 403)
        private = asked.get("private") is True or asked.get("visibility") == "private"
        self.hub.repositories[name] = Repository(private and not self.hub.always_public)
        return self._json({"url": f"{self.hub.url}/{name}"})

    def _valid(self, body: bytes) -> None:
        self._json({"errors": [], "warnings": []})

    def _preupload(self, body: bytes, name: str) -> None:
        large = (".safetensors",)
        modes = [(file["path"], file["path"].endswith(large)) for file in json.loads(body)["files"]]
        told = [{"path": path, "uploadMode": "lfs" if lfs else "regular", "shouldIgnore": False} for path, lfs in modes]
        self._json({"files": told})

    def _xet(self, body: bytes, name: str) -> None:
        self._xet_token(body, name, "write")

    def _commit(self, body: bytes, name: str) -> None:
        repository = self.hub.repositories[name]
        for line in body.splitlines():
            item: dict[str, Any] = json.loads(line)
            value = item["value"]
            if item["key"] == "header":
                repository.messages.append(value["summary"])
            elif item["key"] == "file":
                repository.files[value["path"]] = base64.b64decode(value["content"])
            else:
                repository.files[value["path"]] = self.hub.large(value["oid"])
        self._json({"commitUrl": f"{self.hub.url}/{name}/commit/{COMMIT}", "commitOid": COMMIT})


ROUTES: list[tuple[str, str, Callable[..., None]]] = [
    ("POST", "/api/repos/create", Handler._create),
    ("POST", "/api/validate-yaml", Handler._valid),
    ("GET", f"/api/models/{NAME}", Handler._model),
    ("POST", f"/api/models/{NAME}/preupload/main", Handler._preupload),
    ("GET", f"/api/models/{NAME}/xet-write-token/main", Handler._xet),
    ("POST", f"/api/models/{NAME}/commit/main", Handler._commit),
    *BUCKET_ROUTES,
]
