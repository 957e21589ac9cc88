"""The services of compose.yaml as processes: their commands, their environment, and no container.

What a container would be given by name (another container's address, a volume) is given here as what it stands for.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import psycopg
import yaml

from services.bus_server import server_binary

ROOT = Path(__file__).parents[2]
PASSWORD, TOKEN = "a-postgres-password", "12e3deadbeef"
GIVEN = {"POSTDOCS_BUS_TOKEN": TOKEN, "POSTDOCS_POSTGRES_PASSWORD": PASSWORD}
_VARIABLE = re.compile(r"\$\{(\w+)(?::([-?])([^}]*))?\}")


def document() -> dict[str, Any]:
    """compose.yaml as YAML gives it."""
    loaded = yaml.safe_load((ROOT / "compose.yaml").read_text())
    assert isinstance(loaded, dict)
    return loaded


def substituted(value: Any, given: dict[str, str]) -> Any:
    """Variables replaced as Compose does (https://docs.docker.com/reference/compose-file/interpolation/).

    Raises `KeyError` with the message for a variable that must be set.
    """
    if isinstance(value, dict):
        return {key: substituted(entry, given) for key, entry in value.items()}
    if isinstance(value, list):
        return [substituted(entry, given) for entry in value]
    if not isinstance(value, str):
        return value

    def one(match: re.Match[str]) -> str:
        name, sign, text = match.groups()
        if given.get(name):
            return given[name]
        if sign == "?":
            raise KeyError(text)
        return text or ""

    return _VARIABLE.sub(one, value)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def postgres_binaries() -> Path | None:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))  # Debian keeps them beside the path
    initdb = found[-1] if found else shutil.which("initdb")
    return Path(initdb).parent if initdb else None


class Composed:
    """`with Composed(folder) as composed:` starts all services; `composed.processes` has them by name."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.services: dict[str, Any] = substituted(document()["services"], GIVEN)
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.nats, self.postgres = free_port(), free_port()
        self.runs = folder / "runs"
        self._database = Path("/tmp") / f"postdocs-composed-{os.getpid()}"  # where an unprivileged user can reach it

    def __enter__(self) -> Composed:
        try:
            self._start_nats()
            self._start_postgres()
            for name in ("graph-server", "agents", "executor"):
                self._start(name)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        family = [child for p in self.processes.values() for child in _family(p)]
        for process in reversed(self.processes.values()):
            process.send_signal(signal.SIGTERM)
        for process in self.processes.values():
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        psutil.wait_procs(family, timeout=5)
        shutil.rmtree(self._database, ignore_errors=True)

    def environment(self, name: str) -> dict[str, str]:
        """What the service's container would have, with addresses and folders of this machine."""
        there = {
            "nats://nats:4222": f"nats://127.0.0.1:{self.nats}",
            "@postgres:5432": f"@127.0.0.1:{self.postgres}",
            "/runs": str(self.runs),
            "/cache": str(self.folder / "cache"),
            "/data": str(self.folder / "journal"),
        }
        told: dict[str, str] = self.services[name]["environment"]
        for old, new in there.items():
            told = {key: value.replace(old, new) for key, value in told.items()}
        inherited = {key: value for key, value in os.environ.items() if not key.startswith("POSTDOCS_")}
        return inherited | told | {"TRACKIO_DIR": str(self.folder / "trackio")}

    def user(self) -> dict[str, str]:
        """The environment of somebody at the command line."""
        bus = f"nats://127.0.0.1:{self.nats}"
        return {"POSTDOCS_BUS_URL": bus, "POSTDOCS_BUS_TOKEN": TOKEN, "POSTDOCS_TRACK": "both"}

    def _start(self, name: str) -> None:
        python, *arguments = self.services[name]["command"]
        assert python == "python"
        self.runs.mkdir(exist_ok=True)
        self._spawn(name, [sys.executable, *arguments], env=self.environment(name), cwd=ROOT)

    def _spawn(self, name: str, command: list[Any], **options: Any) -> None:
        with (self.folder / f"{name}.log").open("wb") as log:
            self.processes[name] = subprocess.Popen(command, stdout=log, stderr=log, **options)

    def _start_nats(self) -> None:
        """With deploy/nats.conf, whose listening addresses are those of the container."""
        service = self.services["nats"]
        mounts = dict(mount.split(":")[:2][::-1] for mount in service["volumes"])
        flag, path = service["command"]
        assert flag == "--config"
        text = (ROOT / mounts[path]).read_text()
        for old, new in (
            ("listen: 0.0.0.0:4222", f"listen: 127.0.0.1:{self.nats}"),
            ("http: 127.0.0.1:8222", f"http: 127.0.0.1:{free_port()}"),
        ):
            assert old in text
            text = text.replace(old, new)
        config = self.folder / "nats.conf"
        config.write_text(text)
        self._spawn("nats", [server_binary(), flag, config], env=self.environment("nats"))
        _wait_for(self.nats)

    def _start_postgres(self) -> None:
        """As the image's entry point does it: a cluster with this user, password and database."""
        told = self.services["postgres"]["environment"]
        binaries = postgres_binaries()
        assert binaries is not None
        user = {"user": "postgres"} if os.geteuid() == 0 else {}  # it refuses to run as root
        self._database.mkdir()
        (self._database / "password").write_text(told["POSTGRES_PASSWORD"])
        if user:
            for path in (self._database, self._database / "password"):
                shutil.chown(path, "postgres")
        data = self._database / "data"
        login = ["-U", told["POSTGRES_USER"], "-A", "scram-sha-256", "--pwfile", self._database / "password"]
        subprocess.run([binaries / "initdb", "-D", data, *login], check=True, capture_output=True, timeout=60, **user)
        command = [binaries / "postgres", "-D", data, "-p", str(self.postgres), "-k", self._database, "-h", "127.0.0.1"]
        self._spawn("postgres", command, **user)
        _wait_for(self.postgres)
        with self.connect_to("postgres") as connection:
            connection.execute(f'CREATE DATABASE "{told["POSTGRES_DB"]}"'.encode())

    def connect_to(self, database: str) -> psycopg.Connection:
        told = self.services["postgres"]["environment"]
        login = f"{told['POSTGRES_USER']}:{told['POSTGRES_PASSWORD']}"
        url = f"postgresql://{login}@127.0.0.1:{self.postgres}/{database}"
        deadline = time.monotonic() + 20
        while True:
            try:
                return psycopg.connect(url, autocommit=True)
            except psycopg.OperationalError:  # it listens before it answers
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)


def _family(process: subprocess.Popen[bytes]) -> list[psutil.Process]:
    try:
        return psutil.Process(process.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError(f"nothing listens on port {port}")
