"""A real Ray cluster of one small node, on ports and in a folder of its own."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import suppress
from pathlib import Path

import psutil

RAY = Path(sys.executable).with_name("ray")
START_SECONDS = 120.0
OBJECT_STORE = 80_000_000
"""Bytes; jobs use none of it, Ray takes no less than 75 MB."""


def free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


class RayNode:
    """`start` and `stop` it; `address` is its Jobs API's."""

    def __init__(self, cpus: int = 4) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="ray-", dir="/tmp"))  # Ray's sockets need a short path
        head, dashboard, agent, grpc, metrics, client = free_ports(6)
        self.address = f"http://127.0.0.1:{dashboard}"
        options = {
            "port": head,
            "node-ip-address": "127.0.0.1",
            "dashboard-port": dashboard,
            "dashboard-agent-listen-port": agent,
            "dashboard-agent-grpc-port": grpc,
            "metrics-export-port": metrics,
            "ray-client-server-port": client,
            "min-worker-port": 0,  # free ones
            "max-worker-port": 0,
            "num-cpus": cpus,
            "num-gpus": 0,
            "object-store-memory": OBJECT_STORE,
            "temp-dir": self.folder,
            "resources": '{"postdocs_test": 1}',
        }
        self._command = [str(RAY), "start", "--head", "--disable-usage-stats", "--block"]
        self._command += [f"--{name}={value}" for name, value in options.items()]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("RAY_", "POSTDOCS"))}
        environment |= {"RAY_ENABLE_WORKER_PREFORK": "0", "RAY_prestart_worker_first_driver": "0"}
        with (self.folder / "start.log").open("wb") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log, env=environment)

    def wait(self) -> None:
        """Until its Jobs API answers."""
        deadline = time.monotonic() + START_SECONDS
        while True:
            with suppress(OSError), urllib.request.urlopen(f"{self.address}/api/jobs/", timeout=10):
                return
            assert self.alive and time.monotonic() < deadline, self.said
            time.sleep(0.3)

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def said(self) -> str:
        return (self.folder / "start.log").read_text(errors="replace")

    def kill(self) -> None:
        """As if the machine had gone: what runs jobs first, so that it cannot tidy up."""
        if self._process is None:
            return
        family = [*psutil.Process(self._process.pid).children(recursive=True), psutil.Process(self._process.pid)]
        for process in family:
            try:
                process.kill()
            except psutil.NoSuchProcess:
                continue
        psutil.wait_procs(family, timeout=10)
        self._process.wait()
        self._process = None

    def stop(self) -> None:
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)
