"""What the tests of the examples share: their generators, imported by path, for `examples/` is no package."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"


def load(path: Path) -> ModuleType:
    name = f"examples_{path.parent.name}_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def example() -> Callable[[str], ModuleType]:
    """`example("dates/generate.py")` is that file as a module."""
    return lambda path: load(EXAMPLES / path)


@pytest.fixture(scope="session")
def examples() -> Path:
    return EXAMPLES
