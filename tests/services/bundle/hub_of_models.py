"""A server of model repositories for the real Hub client: what downloading a snapshot takes
(https://huggingface.co/docs/hub/api)."""

from __future__ import annotations

import hashlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit


class HubOfModels:
    """Name → folder of its files, all at one commit. Starts with `with`."""

    commit = "c" * 40

    def __init__(self, models: dict[str, Path]) -> None:
        self.models, self.asked = dict(models), list[str]()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (_Handler,), {"hub": self}))
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> HubOfModels:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def answer(self, path: str) -> bytes | None:
        """A file, or what there is of a repository; None where there is nothing."""
        for name, folder in self.models.items():
            if path.startswith(f"/api/models/{name}"):
                files = sorted(folder.iterdir())
                if "/tree/" in path:
                    tree = [{"type": "file", "path": f.name, "size": f.stat().st_size, "oid": "0" * 40} for f in files]
                    return json.dumps(tree).encode()
                siblings = [{"rfilename": file.name} for file in files]
                return json.dumps({"id": name, "sha": self.commit, "siblings": siblings}).encode()
            at, _, file = path.removeprefix(f"/{name}/resolve/").partition("/")
            if path.startswith(f"/{name}/resolve/") and at in (self.commit, "main") and (folder / file).is_file():
                return (folder / file).read_bytes()
        return None


class _Handler(BaseHTTPRequestHandler):
    hub: HubOfModels

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        path = unquote(urlsplit(self.path).path)
        self.hub.asked.append(path)
        body = self.hub.answer(path)
        self.send_response(200 if body is not None else 404)
        content = body if body is not None else b"{}"
        if body is None:
            self.send_header("X-Error-Code", "RepoNotFound")
        for header, value in {
            "Content-Type": "application/json" if path.startswith("/api/") else "application/octet-stream",
            "Content-Length": str(len(content)),
            "ETag": f'"{hashlib.sha256(content).hexdigest()}"',
            "X-Repo-Commit": self.hub.commit,
        }.items():
            self.send_header(header, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content)
