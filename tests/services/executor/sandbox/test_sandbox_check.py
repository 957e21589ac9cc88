"""Whether a machine offers a sandbox, found out by trying."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from cell import REPOSITORY, Warden

from protocol.errors import BadInput
from services.executor.sandbox import check

ASK = "from services.executor.sandbox import check\nprint(check.fault())"


def asked(warden: Warden, *before: str) -> str:
    argv = [*warden._become(), *before, sys.executable, "-c", ASK]
    return subprocess.run(argv, capture_output=True, text=True, check=True, cwd=REPOSITORY).stdout.strip()


def test_this_machine_offers_one(warden: Warden) -> None:
    assert asked(warden) == "None"
    check.require()


def test_a_user_in_a_container_of_one_user_has_it_too(place: Path) -> None:
    assert asked(Warden(place, True), "unshare", "--user", "--map-root-user") == "None"


@pytest.mark.skipif(os.geteuid() != 0, reason="root gives something up")
def test_root_that_can_become_nobody_else_has_none(place: Path) -> None:
    told = asked(Warden(place, False), "unshare", "--user", "--map-root-user")
    assert "jobs must not be root" in told


@pytest.mark.skipif(os.geteuid() != 0, reason="root gives something up")
def test_where_it_is_forbidden_that_is_said_with_a_remedy(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    forbidden = ["setpriv", "--inh-caps=-all", "--bounding-set=-sys_admin"]
    monkeypatch.setenv(check.SETTING, "namespaces")
    assert asked(Warden(place, False), *forbidden) == "unshare: Operation not permitted"
    monkeypatch.setattr(check, "_fault", lambda tier: "unshare: Operation not permitted")
    with pytest.raises(BadInput, match=r"cannot be sandboxed on this machine \(unshare: .*\): .* --no-sandbox"):
        check.require()


@pytest.mark.skipif(os.geteuid() != 0, reason="root gives something up")
def test_a_backend_refuses_to_open_there_unless_it_is_told_to_do_without(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(check.SETTING, "namespaces")
    code = """
import asyncio, sys
from protocol.errors import BadInput
from services.executor.backends.local import LocalBackend
from services.executor.warm.pool import WarmPool
class NoPool(WarmPool):
    async def open(self): return
async def opened(sandboxed):
    try: await LocalBackend(pool=NoPool(), sandboxed=sandboxed).open()
    except BadInput as error: return f"{error.exit_code} {error}"
    return "open"
print(asyncio.run(opened(True)), asyncio.run(opened(False)), sep="\\n")
"""
    argv = ["setpriv", "--inh-caps=-all", "--bounding-set=-sys_admin", sys.executable, "-c", code]
    done = subprocess.run(argv, capture_output=True, text=True, check=True, cwd=REPOSITORY)
    refused, opened = done.stdout.splitlines()
    assert refused.startswith("2 jobs cannot be sandboxed on this machine (unshare: Operation not permitted)")
    assert refused.endswith("or start with --no-sandbox, and jobs can do all that you can")
    assert opened == "open" and "NO SANDBOX" in done.stderr


def test_other_systems_have_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert check.fault() == "it takes Linux, this is darwin"
