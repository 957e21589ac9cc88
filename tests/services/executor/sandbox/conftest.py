"""A folder that the users of the tests can enter, and who enters sandboxes."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from cell import ORDINARY, Warden

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if sys.platform == "linux":
        return
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.skip(reason="a sandbox takes Linux"))


@pytest.fixture
def place() -> Iterator[Path]:
    """Unlike `tmp_path` one that an ordinary user gets to when root tests."""
    folder = Path(tempfile.mkdtemp(prefix="cells-")).resolve()
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(params=["as we are", "as an ordinary user"])
def warden(request: pytest.FixtureRequest, place: Path) -> Warden:
    return made(place, ordinary=request.param == "as an ordinary user")


@pytest.fixture(params=["as we are", "as an ordinary user", "by landlock"])
def either(request: pytest.FixtureRequest, place: Path) -> Warden:
    """Of both kinds of sandbox, for what both have to do."""
    if request.param != "by landlock":
        return made(place, ordinary=request.param == "as an ordinary user")
    if _without_landlock():
        pytest.skip("the kernel has no such Landlock")
    return replace(made(place, ordinary=True, needed=True), tier="landlock")


def _without_landlock() -> bool:
    from services.executor.sandbox import ruleset

    try:
        return ruleset.version() < ruleset.ABI
    except OSError:
        return True


def made(place: Path, *, ordinary: bool, needed: bool = False) -> Warden:
    """`needed`: an ordinary user is what we are, or become."""
    if ordinary and not needed and os.geteuid() != 0:
        pytest.skip("that is what we are")
    if ordinary and os.geteuid() == 0:
        os.chown(place, ORDINARY, ORDINARY)
    return Warden(place, ordinary)
