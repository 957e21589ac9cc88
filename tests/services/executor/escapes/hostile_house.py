"""What a hostile job would like to get at: a run with its sealed split, another job, a home, services that listen.

Every secret is a random text of one form, `CANARY-…`, that the job cannot know: a job that shows one has read it. What
must not be written is looked at from outside, afterwards.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import secrets
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from services.bus_server import Connection

HOSTILE = Path(__file__).parent / "hostile"
HOUSE = Path(__file__).resolve().parents[4]
HOME_FILES = (".ssh/id_ed25519", ".netrc", ".cache/huggingface/token", ".aws/credentials", ".bashrc", ".config/secret")
VARIABLES = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "WANDB_API_KEY", "AWS_SECRET_ACCESS_KEY", "OPENAI_API_KEY",
             "ANTHROPIC_API_KEY", "POSTDOCS_SECRET", "https_proxy")  # fmt: skip
SIGN = "hostile-house-sentinel"
SHM_KEY = 0x90571D0C
KEY = "postdocs-hostile"
_libc = ctypes.CDLL(None, use_errno=True)
_libc.shmat.restype = ctypes.c_void_p


def canary(kind: str) -> str:
    return f"CANARY-{kind}-{secrets.token_hex(8)}"


@dataclass
class House:
    """One run's folder and what lies around it."""

    root: Path
    mark: str = field(default_factory=lambda: f"escaped-{secrets.token_hex(6)}")

    def __post_init__(self) -> None:
        self.root.chmod(0o755)
        self._hash: dict[Path, bytes] = {}
        for path in (self.run / "jobs", self.home):
            path.mkdir(parents=True)
        self._write_home()
        self._write_run()
        self._hash = {path: path.read_bytes() for path in self.root.rglob("*") if path.is_file()}

    @property
    def run(self) -> Path:
        return self.root / "runs" / "r1"

    @property
    def home(self) -> Path:
        return self.root / "home" / "somebody"

    @property
    def reads(self) -> tuple[str, ...]:
        return str(self.root / "models" / "base"), str(self.run / "data" / "mixture.jsonl")

    def _put(self, path: Path, text: str) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def _write_home(self) -> None:
        for name in HOME_FILES:
            self._put(self.home / name, canary("HOME"))

    def _write_run(self) -> None:
        self._put(self.root / "models" / "base" / "config.json", '{"model_type": "llama"}')
        self._put(self.run / "data" / "mixture.jsonl", '{"prompt": "1", "completion": "2"}\n' * 20)
        self._put(self.run / "data" / "dev.jsonl", canary("DEV"))
        self._put(self.run / "sealed" / "test.jsonl", canary("TEST"))
        self._put(self.run / "sealed" / "outcomes.json", canary("TEST"))
        self._put(self.root / "task" / "test.jsonl", canary("TEST"))
        self._put(self.root / "task" / "metric.py", "def score(): ...")
        self._put(self.run / "bus.json", canary("BUS"))
        self._put(self.run / "bus" / "server.json", canary("BUS"))
        self._put(self.run / "checkpoints.sqlite", canary("STATE"))
        self._put(self.run / "ledger.jsonl", canary("LEDGER"))
        self._put(self.run / "final_model" / "model.safetensors", canary("MODEL"))
        for name in ("output.log", "events.jsonl", "model/config.json"):
            self._put(self.run / "jobs" / "other" / name, canary("JOB"))

    def changed(self) -> list[str]:
        """What a job has changed, or left, outside its own folder."""
        before, found = self._hash, [path for path in self.root.rglob("*") if self._counts(path)]
        gone = [f"{path} is gone" for path in before if self._counts(path) and not path.is_file()]
        other = [f"{path} has changed" for path in found if path in before and path.read_bytes() != before[path]]
        return [*gone, *other, *self.marks()]

    def _counts(self, path: Path) -> bool:
        jobs = self.run / "jobs"
        return path.is_file() and (not path.is_relative_to(jobs) or path.is_relative_to(jobs / "other"))

    def marks(self) -> list[str]:
        """Files with the mark in their name that lie where a job must not write; they are removed."""
        places = [
            Path(p) for p in ("/tmp", "/var/tmp", "/dev/shm", "/run", "/etc", "/root", "/", "/opt", "/usr/local/bin")
        ]
        places += [Path(p) for p in sys.path if Path(p).is_dir()]
        places += [
            self.root,
            self.run,
            self.run / "jobs",
            self.run / "jobs" / "other",
            self.home,
            *map(Path, self.reads),
        ]
        places += [
            HOUSE / part for part in ("services/executor", "services/scorer", "services/scorer/__pycache__", "protocol")
        ]
        found = {path for place in places if place.is_dir() for path in place.glob(f"*{self.mark}*")}
        for path in found:
            with contextlib.suppress(OSError):
                path.unlink()
        return [f"{path} was made" for path in sorted(found)]

    def environment(self) -> dict[str, str]:
        """A worker's, full of secrets."""
        return {"HOME": str(self.home)} | {name: canary("ENV") for name in VARIABLES}

    def targets(self, **more: Any) -> dict[str, Any]:
        """What every hostile job is told."""
        run = self.run
        return {
            "home": str(self.home), "home_files": HOME_FILES, "run": str(run), "jobs": str(run / "jobs"),
            "bus_files": [str(run / "bus.json"), str(run / "bus" / "server.json")],
            "sealed": [str(run / "sealed" / name) for name in ("test.jsonl", "outcomes.json")],
            "task_test": str(self.root / "task" / "test.jsonl"), "metric": str(self.root / "task" / "metric.py"),
            "checkpoints": str(run / "checkpoints.sqlite"), "ledger": str(run / "ledger.jsonl"),
            "final_model": str(run / "final_model"), "dev": str(run / "data" / "dev.jsonl"),
            "unread_data": str(run / "data" / "dev.jsonl"), "reads": self.reads, "house": str(HOUSE),
            "other_job": [str(p) for p in sorted((run / "jobs" / "other").rglob("*")) if p.is_file()],
            "mark": self.mark, "sign": SIGN, "python": sys.executable, "shm_key": SHM_KEY, "key": KEY,
        } | more  # fmt: skip


@dataclass
class Services:
    """Listeners on the machine, each of which answers whoever calls."""

    folder: Path
    callers: list[str] = field(default_factory=list)
    """Which of them somebody has called."""
    ports: dict[str, int] = field(default_factory=dict)
    abstract: str = field(default_factory=lambda: f"postdocs-{secrets.token_hex(6)}")

    @property
    def unix(self) -> Path:
        return self.folder / "s"

    @contextlib.contextmanager
    def listening(self) -> Iterator[Services]:
        with contextlib.ExitStack() as stack:
            for name, family, address in (
                ("tcp", socket.AF_INET, ("", 0)), ("tcp6", socket.AF_INET6, ("::1", 0)),
                ("unix", socket.AF_UNIX, str(self.unix)), ("abstract", socket.AF_UNIX, "\0" + self.abstract),
            ):  # fmt: skip
                server = stack.enter_context(socket.socket(family))
                try:
                    server.bind(address)
                except OSError:  # a machine without version 6
                    continue
                server.listen()
                if family != socket.AF_UNIX:
                    self.ports[name] = server.getsockname()[1]
                threading.Thread(target=self._answer, args=(name, server), daemon=True).start()
            datagrams = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            datagrams.bind(("", 0))
            self.ports["udp"] = datagrams.getsockname()[1]
            threading.Thread(target=self._answer_datagrams, args=(datagrams,), daemon=True).start()
            self.unix.chmod(0o777)
            yield self

    def _answer(self, name: str, server: socket.socket) -> None:
        with contextlib.suppress(OSError):  # closed: the end
            while True:
                client, _ = server.accept()
                self.callers.append(name)
                with client, contextlib.suppress(OSError):
                    client.sendall(b"hello")

    def _answer_datagrams(self, server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                _, address = server.recvfrom(100)
                self.callers.append("udp")
                server.sendto(b"hello", address)

    def targets(self, connection: Connection) -> dict[str, Any]:
        import psutil

        addresses = [a.address for found in psutil.net_if_addrs().values() for a in found if a.family == socket.AF_INET]
        host, port = connection.url.removeprefix("nats://").split(":")
        return {"tcp": self.ports["tcp"], "tcp6": self.ports.get("tcp6", 1), "udp": self.ports["udp"],
                "unix": str(self.unix), "abstract": self.abstract, "addresses": addresses,
                "bus": [host, int(port)]}  # fmt: skip


@contextlib.contextmanager
def secrets_of_the_machine() -> Iterator[None]:
    """A secret in System V shared memory, one in the session's keys, one in /dev/shm and one in /tmp."""
    number = _libc.shmget(SHM_KEY, 4096, 0o1666)
    place = _libc.shmat(number, None, 0)
    text = canary("SHM").encode()
    ctypes.memmove(place, text, len(text))
    _libc.syscall(248, b"user", KEY.encode(), text, len(text), -3)  # add_key, to the session's
    paths = [Path(place) / f"house-{secrets.token_hex(6)}" for place in ("/dev/shm", "/tmp")]
    for path in paths:
        path.write_bytes(text)
    try:
        yield
    finally:
        for path in paths:
            path.unlink()
        _libc.shmdt(ctypes.c_void_p(place))
        _libc.shmctl(number, 0, None)


@contextlib.contextmanager
def sentinel() -> Iterator[subprocess.Popen[bytes]]:
    """A process of the machine that has nothing to do with us, with a secret in its environment."""
    environment = {"PATH": os.environ["PATH"], "SECRET": canary("ENV")}
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(3600)", SIGN], env=environment)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def verdicts(folder: Path) -> dict[str, dict[str, Any]]:
    """What a job's attempts came to, by their names; read as its owner left them."""
    lines = (folder / "verdicts.jsonl").read_text().splitlines()
    return {said["name"]: said for said in map(json.loads, lines)}


def attempts_of(script: str) -> list[str]:
    """The names of the attempts in a hostile script, in order."""
    text = (HOSTILE / f"{script}.py").read_text()
    return [block.split("(")[0] for block in text.split("@attempt\ndef ")[1:]]
