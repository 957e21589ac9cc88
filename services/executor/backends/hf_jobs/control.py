"""How a job in a container is asked to save, or to end: by HTTP through the proxy of Hugging Face Jobs.

The proxy lets in who has a token that may read the job's namespace. A file in the bucket would be seen ten to thirty
seconds later (https://github.com/huggingface/hf-mount, consistency model), which is longer than a job has to save.
"""

from __future__ import annotations

import os
import signal
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

SAVE, TERMINATE = "/save", "/terminate"


class Control:
    """Listens on `port` for the process `pid`, which leads a group of its own."""

    def __init__(self, port: int, pid: int) -> None:
        self._server = ThreadingHTTPServer(("0.0.0.0", port), _handler(pid))
        self._thread = threading.Thread(target=self._server.serve_forever, name="control", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def _handler(pid: int) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:  # the name is http.server's
            self.send_response(204 if self._obey() else 404)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def _obey(self) -> bool:
            try:
                if self.path == SAVE:
                    os.kill(pid, signal.SIGUSR1)  # not its group: its data loaders would die of it
                elif self.path == TERMINATE:
                    os.killpg(pid, signal.SIGTERM)
                else:
                    return False
            except ProcessLookupError:
                return False
            return True

        def log_message(self, format: str, *args: object) -> None:
            """Nothing: standard output is the job's."""

    return Handler
