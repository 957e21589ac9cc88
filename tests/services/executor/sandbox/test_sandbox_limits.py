"""Limits on memory, disk, processes and files, broken by real jobs."""

from __future__ import annotations

import contextlib
import subprocess
import time
from collections.abc import Iterator
from typing import Any

import pytest
from cell import Warden, job

from services.executor.inventory.machine import Grant
from services.executor.sandbox.enter import KILL
from services.executor.sandbox.limits import Limits
from services.executor.sandbox.plan import plan

HOLD = "\nimport time\nopen('ready', 'w').close()\ntime.sleep(300)\n"
PIECE = 1 << 26


@contextlib.contextmanager
def at_it(warden: Warden, script: str, needs: dict[str, Any]) -> Iterator[tuple[subprocess.Popen[str], Limits]]:
    """A job that holds what it has taken, and its limits."""
    folder = warden.job_folder()
    process = warden.start(script + HOLD, needs=needs)
    try:
        deadline = time.monotonic() + 60
        while not (folder / "ready").exists():
            assert process.poll() is None and time.monotonic() < deadline, process.communicate()
            time.sleep(0.02)
        made = job(folder, script + HOLD, needs=needs)
        yield process, Limits(made, plan(made, Grant()))
    finally:
        process.send_signal(KILL)
        process.communicate()


@pytest.mark.parametrize(
    "script",
    [
        "held = bytearray(b'x') * 500_000_000",
        "import os\nfor n in range(5):\n  if not os.fork(): held = bytearray(b'x') * 100_000_000; break",
        "open('/dev/shm/x', 'wb').write(b'x' * 390_000_000); held = b'x' * 100_000_000",
        "import os\nf = os.memfd_create('x')\nfor n in range(6): os.write(f, bytes(65_000_000))",
        "held = open('/dev/shm/x', 'wb'); held.write(b'x' * 390_000_000); import os; os.unlink('/dev/shm/x')",
    ],
    ids=["memory", "forks", "shared memory", "memfd", "unlinked shared memory"],
)
def test_memory_is_counted_wherever_it_is_taken(script: str, warden: Warden) -> None:
    fork_settle = "\nimport time; time.sleep(1.0)"
    with at_it(warden, script + fork_settle, {"memory_gb": 0.4}) as (process, limits):
        told = limits.broken(process.pid)
        assert told is not None and told.startswith("memory limit 0.4 GB exceeded: 0."), told


def test_what_is_shared_is_counted_once(either: Warden) -> None:
    script = "import os\nheld = bytearray(b'x') * 150_000_000\nfor n in range(4):\n  if not os.fork(): break"
    with at_it(either, script, {"memory_gb": 0.4}) as (process, limits):
        assert limits.broken(process.pid) is None


@pytest.mark.parametrize(
    "script",
    [
        "for n in range(3): open(f'part{n}', 'wb').write(bytes(40_000_000))",
        "import os\nfor n in range(3): open(os.path.expanduser(f'~/{n}'), 'wb').write(b'x' * 40_000_000)",
        "open('/tmp/x', 'wb').write(b'x' * 90_000_000); open('y', 'wb').write(b'x' * 30_000_000)",
        "import os\nheld = [open(f'x{n}', 'wb', buffering=0) for n in range(3)]\n"
        "for f in held: f.write(b'x' * 40_000_000)\n"
        "for n in range(3): os.unlink(f'x{n}')",
    ],
    ids=["folder", "home", "/tmp", "unlinked"],
)
def test_disk_is_counted_wherever_it_is_taken(script: str, warden: Warden) -> None:
    with at_it(warden, script, {"disk_gb": 0.1}) as (process, limits):
        told = limits.broken(process.pid)
        assert told is not None and told.startswith("disk limit 0.1 GB exceeded: 0.12 GB"), told


def test_a_folder_so_deep_that_it_cannot_be_named_breaks_the_limit(either: Warden) -> None:
    script = (
        "import os\nhome = os.getcwd()\nfor n in range(400): os.mkdir('d' * 200); os.chdir('d' * 200)\nos.chdir(home)"
    )
    with at_it(either, script, {"disk_gb": 0.1}) as (process, limits):
        told = limits.broken(process.pid)
        assert told == "disk limit 0.1 GB exceeded: more files than can be looked at"
    folder = either.job_folder()
    subprocess.run(["rm", "-rf", str(folder)], check=True)


def test_a_file_ends_at_the_limit(either: Warden) -> None:
    script = """
import json
written, file = 0, open("big", "wb", buffering=0)
try:
    while written < 10**9: written += file.write(bytes(10**6))
except OSError as error: print(json.dumps([written, error.strerror]))
"""
    assert either.told(script, needs={"disk_gb": 0.05}) == [50_000_000, "File too large"]


def test_memory_that_grows_faster_than_anybody_looks_is_refused(either: Warden) -> None:
    script = """
import json
try: held = bytearray(3_000_000_000); print(json.dumps("it got it"))
except MemoryError: print(json.dumps("refused"))
"""
    assert either.told(script, needs={"memory_gb": 0.5}) == "refused"


def test_a_fork_bomb_stops_by_itself(either: Warden) -> None:
    script = """
import json, os, signal, time
count = 0
try:
    while True:
        if not os.fork(): time.sleep(300)
        count += 1
except OSError as error: print(json.dumps([count, error.strerror]))
"""
    count, why = either.told(script)
    assert why == "Resource temporarily unavailable"
    assert 100 < count < 600


def test_open_files_are_limited(either: Warden) -> None:
    script = """
import json, os
held = []
try:
    while True: held.append(os.dup(0))
except OSError as error: print(json.dumps([len(held) < 17000, error.strerror]))
"""
    assert either.told(script) == [True, "Too many open files"]
