"""One worker, and the house around it, for all hostile jobs of the session."""

from __future__ import annotations

import platform
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from executor_harness import BARE
from prison import Prison
from prison import prison as built

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The attempts are written for one kernel and its numbers of system calls."""
    if sys.platform == "linux" and platform.machine() == "x86_64":
        return
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.skip(reason="written for Linux on x86_64"))


@pytest.fixture(scope="session")
def prison() -> Iterator[Prison]:
    with built() as made:
        yield made


@pytest.fixture(scope="session")
def bare_prison() -> Iterator[Prison]:
    """Where it is of no account what the zygote has loaded."""
    with built(*BARE) as made:
        yield made
