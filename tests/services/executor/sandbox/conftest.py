"""A folder that the users of the tests can enter, and who enters sandboxes."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
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
    ordinary = request.param == "as an ordinary user"
    if ordinary and os.geteuid() != 0:
        pytest.skip("that is what we are")
    if ordinary:
        os.chown(place, ORDINARY, ORDINARY)
    return Warden(place, ordinary)
