"""A server that speaks as much of the Hub's API as running jobs takes, for the real client (HF_ENDPOINT).

Jobs: https://huggingface.co/docs/huggingface_hub/guides/jobs, and what `huggingface_hub` 2.4 asks and reads. It runs
what is submitted in containers on this machine, and can be told to refuse, or to lose connections.
"""

from __future__ import annotations

import http.client
import json
import re
import secrets
import threading
import urllib.parse
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from jobs_bucket_routes import BUCKET_ROUTES, BucketRoutes
from jobs_buckets import Buckets
from jobs_container import Container, make_image

USER = {"id": "u1", "name": "ada", "type": "user"}
TOKEN = "hf_of_ada"
HIDDEN = "********"
PAGE = 2
"""Jobs on a page of a list."""


@dataclass
class Failure:
    """What the server answers to some of the next requests."""

    route: str
    status: int
    times: int = 1
    headers: dict[str, str] = field(default_factory=dict)
    message: str = "no"
    after: bool = False
    """Do what is asked all the same."""


class JobsServer:
    """Starts with `with`."""

    def __init__(self, root: Path, hardware: list[dict[str, Any]]) -> None:
        self.hardware = hardware
        self.buckets = Buckets(root / "buckets")
        self.image = make_image(root / "image")
        self.jobs: dict[str, Container] = {}
        self.failures: list[Failure] = []
        self.requests: list[str] = []
        self.cut_logs_after: list[int] = []
        """For each of the next readers of a log: so many lines, then the connection breaks."""
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (Handler,), {"hub": self}))
        self._server.daemon_threads = True
        self._starter = ThreadPoolExecutor(1)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> JobsServer:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        for job in list(self.jobs.values()):
            job.stop("CANCELED")
        self._starter.shutdown()
        self._server.shutdown()
        self._server.server_close()

    def contain(self, id: str, spec: dict[str, Any]) -> Container:
        """Start a container: from a thread that lives as long as the server, since containers die with theirs."""
        return self._starter.submit(Container, id, spec, self.buckets.root, self.image).result()

    def shown(self, job: Container) -> dict[str, Any]:
        """A job as the API tells it: the values of its secrets are told to nobody."""
        spec = job.spec | {"secrets": dict.fromkeys(job.spec.get("secrets", {}), HIDDEN)}
        ports = job.spec.get("expose", {}).get("ports", [])
        urls = [f"{self.url}/proxy/{job.id}/{port}" for port in ports] if job.stage == "RUNNING" else None
        stated = {"stage": job.stage, "message": job.message, "exposeUrls": urls}
        return spec | {"id": job.id, "createdAt": _iso(job.created_at), "owner": USER, "status": stated}


Route = tuple[str, str, Callable[..., None]]


class Handler(BucketRoutes, BaseHTTPRequestHandler):
    hub: JobsServer
    _instead: Failure | None = None
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: tests look at `requests`."""

    def _serve(self) -> None:
        body = self._body()
        path = urllib.parse.unquote(self.path.split("?")[0])
        said = f"{self.command} {path}"
        self.hub.requests.append(said)
        failure = next((f for f in self.hub.failures if f.times > 0 and re.search(f.route, said)), None)
        if failure is not None:
            failure.times -= 1
            if not failure.after:
                return self._json({"error": failure.message}, failure.status, failure.headers)
            self._instead = failure
        if not path.startswith(("/cas/", "/xorb/")) and self.headers.get("Authorization") != f"Bearer {TOKEN}":
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
        if self._instead is not None:
            data, status, self._instead = b"", self._instead.status, None
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def _json(self, answer: object, status: int = 200, headers: dict[str, str] | None = None) -> None:
        self._send(json.dumps(answer).encode(), status, {"Content-Type": "application/json", **(headers or {})})

    # Jobs

    def _whoami(self, body: bytes) -> None:
        self._json(USER)

    def _hardware(self, body: bytes) -> None:
        self._json(self.hub.hardware)

    def _run(self, body: bytes) -> None:
        spec = json.loads(body)
        if spec["flavor"] not in [hardware["name"] for hardware in self.hub.hardware]:
            return self._json({"error": f"flavor {spec['flavor']}"}, 400)
        id = secrets.token_hex(12)
        try:
            job = self.hub.jobs[id] = self.hub.contain(id, spec)
        except ValueError as error:
            return self._json({"error": str(error)}, 400)
        return self._json(self.hub.shown(job))

    def _list(self, body: bytes) -> None:
        asked = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)
        labels = dict(label.split("=", 1) for label in asked.get("label", ()))
        stages = asked.get("stage")
        found = [
            self.hub.shown(job)
            for job in list(self.hub.jobs.values())
            if (not stages or job.stage in stages) and labels.items() <= job.spec.get("labels", {}).items()
        ]
        first = int(asked.get("cursor", ["0"])[0])
        query = urllib.parse.urlencode({**asked, "cursor": first + PAGE}, doseq=True)
        more = {"Link": f'<{self.hub.url}/api/jobs/ada?{query}>; rel="next"'} if len(found) > first + PAGE else {}
        self._json(found[first : first + PAGE], headers=more)

    def _inspect(self, body: bytes, id: str) -> None:
        job = self.hub.jobs.get(id)
        self._json(self.hub.shown(job)) if job else self._json({"error": "no such job"}, 404)

    def _cancel(self, body: bytes, id: str) -> None:
        threading.Thread(target=self.hub.jobs[id].stop, args=("CANCELED",), daemon=True).start()
        self._json({})

    def _logs(self, body: bytes, id: str) -> None:
        job = self.hub.jobs.get(id)
        if job is None:
            return self._json({"error": "no such job"}, 404)
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        cut = self.hub.cut_logs_after.pop(0) if self.hub.cut_logs_after else None
        told = 0
        while True:
            with job.news:
                ended = job.ended.is_set()
                if told == len(job.lines) and not ended:
                    job.news.wait(1.0)
                lines = job.lines[told:]
            for at, line in lines:
                if told == cut:
                    self.close_connection = True
                    return self.connection.close()
                event = json.dumps({"timestamp": _iso(at), "data": line})
                self._chunk(f"data: {event}\n\n".encode())
                told += 1
            if ended and told == len(job.lines):
                return self._chunk(b"")

    def _metrics(self, body: bytes, id: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        while not self.hub.jobs[id].ended.wait(0.1):
            sample = json.dumps(self.hub.jobs[id].sample())
            self._chunk(f"event: metric\ndata: {sample}\n\n".encode())
        self._chunk(b"")

    def _chunk(self, data: bytes) -> None:
        self.wfile.write(b"%x\r\n%b\r\n" % (len(data), data))
        self.wfile.flush()

    def _proxy(self, body: bytes, id: str, port: str, path: str) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", int(port), timeout=5)
        try:
            connection.request(self.command, path, body)
            status = connection.getresponse().status
        except OSError:
            status = 502
        finally:
            connection.close()
        self._send(b"", status)


ROUTES: list[Route] = [
    ("GET", "/api/whoami-v2", Handler._whoami),
    ("GET", "/api/jobs/hardware", Handler._hardware),
    ("POST", "/api/jobs/ada", Handler._run),
    ("GET", "/api/jobs/ada", Handler._list),
    ("GET", r"/api/jobs/ada/(\w+)", Handler._inspect),
    ("POST", r"/api/jobs/ada/(\w+)/cancel", Handler._cancel),
    ("GET", r"/api/jobs/ada/(\w+)/logs", Handler._logs),
    ("GET", r"/api/jobs/ada/(\w+)/metrics", Handler._metrics),
    ("POST", r"/proxy/(\w+)/(\d+)(/\w+)", Handler._proxy),
    *BUCKET_ROUTES,
]


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")
