"""What the hostile jobs are written with. Lies beside each of them in its folder.

Each attempt runs in a process of its own, which a guard may kill, and ends up as one line of `verdicts.jsonl`. An
attempt that returns a text has succeeded; one that returns None, raises, is killed or hangs has not.
"""

from __future__ import annotations

import ctypes
import json
import os
import re
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

TARGETS: dict[str, Any] = json.loads(Path("targets.json").read_text())
"""All that an attacker could know of the house: paths, ports, process ids."""
SECRET = re.compile(rb"CANARY-[A-Z]+-[0-9a-f]{16}")
SECONDS = 20
ATTEMPTS: dict[str, Callable[[], str | None]] = {}
libc = ctypes.CDLL(None, use_errno=True)


def attempt(work: Callable[[], str | None]) -> Callable[[], str | None]:
    ATTEMPTS[work.__name__] = work
    return work


def leaked(data: bytes) -> str | None:
    """The first secret in `data`."""
    found = SECRET.search(data)
    return found.group().decode() if found else None


def read(path: str | Path, most: int = 1 << 20) -> bytes:
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        return os.read(descriptor, most)
    finally:
        os.close(descriptor)


def stolen(*paths: str | Path) -> str | None:
    """The first secret in any of these files; each may be refused."""
    for path in paths:
        try:
            found = leaked(read(path))
        except OSError:
            continue
        if found:
            return f"{path}: {found}"
    return None


def written(path: str | Path, text: str = "escaped") -> str:
    """Raises `OSError` where it cannot be written."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o644)
    try:
        os.write(descriptor, text.encode())
    finally:
        os.close(descriptor)
    return f"wrote {path}"


def call(number: int, *arguments: Any) -> int:
    """A system call by number; its result. Raises `OSError`."""
    ctypes.set_errno(0)
    result = int(libc.syscall(ctypes.c_long(number), *arguments))
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def main() -> None:
    """Try everything, or what `targets.json` asks for."""
    wanted = TARGETS.get("only") or list(ATTEMPTS)
    with Path("verdicts.jsonl").open("a", buffering=1) as verdicts:
        for name in wanted:
            verdicts.write(json.dumps({"name": name, **_verdict(ATTEMPTS[name])}) + "\n")


def _verdict(work: Callable[[], str | None]) -> dict[str, object]:
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reading)
        try:
            os.write(writing, json.dumps(_tried(work)).encode())
        finally:
            os._exit(0)
    os.close(writing)
    deadline = time.monotonic() + SECONDS
    status = None
    while status is None and time.monotonic() < deadline:
        done, code = os.waitpid(pid, os.WNOHANG)
        status = code if done else None
        time.sleep(0.002)
    if status is None:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        return {"escaped": None, "why": "hung"}
    said = os.read(reading, 1 << 16)
    os.close(reading)
    return json.loads(said) if said else {"escaped": None, "why": f"killed, status {status}"}


def _tried(work: Callable[[], str | None]) -> dict[str, object]:
    try:
        return {"escaped": work(), "why": "nothing found"}
    except BaseException as error:
        return {"escaped": None, "why": f"{type(error).__name__}: {error}"[:300]}
    finally:
        sys.stdout.flush()
