"""Containers of the jobs server: a command as real processes that see a file system of their own (by bubblewrap).

In it are the system's programs, this Python, the volumes that the job mounts, and nothing else of this machine: no
home, no checkout, no folder of a test. So what a job finds there has really travelled. The network is this machine's,
since the server hands requests to a job's port on.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import psutil

IMAGE = "/image"
UV = """#!/bin/sh
# Stands in for the `uv` of the image: skips what it would install, and runs this Python.
while [ "$1" != python ]; do shift; done
shift
exec {python} "$@"
"""


class Container:
    """One job: its command, its log, its stage."""

    lingers = False
    """It goes on when its command has ended, until it is cancelled."""
    dies_after = 0.0
    """Seconds between a cancel request and the end."""

    def __init__(self, id: str, spec: dict[str, Any], buckets: Path, image: Path) -> None:
        self.id, self.spec = id, spec
        self.lines: list[tuple[float, str]] = [(time.time(), "===== Job started at now =====")]
        self.stage, self.message = "RUNNING", None
        self.created_at = time.time()
        self.ended = threading.Event()
        self.news = threading.Condition()
        self._wanted: tuple[str, str | None] | None = None
        self._process = subprocess.Popen(
            [*_sandbox(spec, buckets, image), *spec["command"]],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self._timer = threading.Timer(spec["timeoutSeconds"], self.stop, ("ERROR", "Job timeout"))
        self._timer.daemon = True
        self._timer.start()
        threading.Thread(target=self._read, daemon=True).start()

    def stop(self, stage: str, message: str | None = None) -> None:
        """Kill all of it."""
        if not self.ended.is_set():
            time.sleep(self.dies_after)
            self._wanted = stage, message
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self.ended.wait(10)

    def sample(self) -> dict[str, Any]:
        """Metrics as the Hub tells them; the CPU's share is no measurement."""
        processes = [psutil.Process(self._process.pid), *psutil.Process(self._process.pid).children(recursive=True)]
        held = sum(process.memory_info().rss for process in processes)
        return {"cpu_usage_pct": 50, "cpu_millicores": 4000, "memory_used_bytes": held, "gpus": {}}

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            with self.news:
                self.lines.append((time.time(), line.decode(errors="replace").rstrip("\n")))
                self.news.notify_all()
        code = self._process.wait()
        while self.lingers and self._wanted is None:
            time.sleep(0.05)
        self._timer.cancel()
        said = ("COMPLETED", None) if code == 0 else ("ERROR", f"Job failed with exit code: {code}")
        self.stage, self.message = self._wanted or said
        self.ended.set()
        with self.news:
            self.news.notify_all()


def make_image(root: Path) -> Path:
    """The folder that a container has as `/image`."""
    root.mkdir(parents=True)
    (root / "uv").write_text(UV.format(python=sys.executable))
    (root / "uv").chmod(0o755)
    return root


def works() -> bool:
    """Whether this machine lets us make containers."""
    bwrap = shutil.which("bwrap")
    if bwrap is None:
        return False
    return subprocess.run([bwrap, "--ro-bind", "/", "/", "true"], capture_output=True).returncode == 0


def _sandbox(spec: dict[str, Any], buckets: Path, image: Path) -> list[str]:
    # nobody in a container may look into others' memory, as Docker has it by default
    words = ["bwrap", "--cap-drop", "CAP_SYS_PTRACE"]
    words += ["--die-with-parent", "--unshare-pid", "--unshare-ipc", "--clearenv", "--ro-bind", "/usr", "/usr"]
    for top in ("bin", "sbin", "lib", "lib64"):
        path = Path("/", top)
        if path.is_symlink():
            words += ["--symlink", str(path.readlink()), str(path)]
        elif path.is_dir():
            words += ["--ro-bind", str(path), str(path)]
    words += ["--ro-bind", "/etc", "/etc", "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp", "--dir", "/root"]
    for prefix in dict.fromkeys((sys.base_prefix, sys.prefix)):
        if not Path(prefix).is_relative_to("/usr"):
            words += ["--ro-bind", prefix, prefix]
    words += ["--ro-bind", str(image), IMAGE]
    for volume in spec.get("volumes", ()):
        source = buckets / volume["source"] / (volume.get("path") or "")
        if volume["type"] != "bucket" or not source.is_dir():
            raise ValueError(f"volume {volume} does not exist")
        words += ["--ro-bind" if volume.get("readOnly") else "--bind", str(source), volume["mountPath"]]
    environment = {"PATH": f"{IMAGE}:/usr/local/bin:/usr/bin:/bin", "HOME": "/root", "JOB_ID": "1"}
    for name, value in {**environment, **spec.get("environment", {}), **spec.get("secrets", {})}.items():
        words += ["--setenv", name, str(value)]
    return [*words, "--chdir", "/root", "--"]
