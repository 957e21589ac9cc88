"""A folder that the users of the tests can enter, and who enters sandboxes."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from cell import Warden, made

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
