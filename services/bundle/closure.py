"""Which of our own modules a module needs: what a bundle takes along, so that the scorer in it is the run's own."""

from __future__ import annotations

import ast
from importlib.util import find_spec
from pathlib import Path

OURS = ("protocol", "tools", "services")


def closure(*modules: str) -> dict[str, Path]:
    """Path inside the bundle → file, of the modules and all of ours that they import anywhere, packages' own too."""
    found: dict[str, Path] = {}
    waiting = list(modules)
    while waiting:
        name = waiting.pop()
        spec = find_spec(name) if name.partition(".")[0] in OURS else None
        if spec is None:
            continue
        path = Path(spec.origin) if spec.origin else None  # a package without `__init__` has none
        parts = name.split(".")
        inside = "/".join(parts) + ("/__init__.py" if spec.submodule_search_locations is not None else ".py")
        if inside in found:
            continue
        if path is not None:
            found[inside] = path
            waiting += _imported(path.read_text(encoding="utf-8"))
        waiting += [".".join(parts[:end]) for end in range(1, len(parts))]
    return dict(sorted(found.items()))


def _imported(text: str) -> list[str]:
    names: list[str] = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return [name for name in names if name.partition(".")[0] in OURS and _exists(name)]


def _exists(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except ModuleNotFoundError:  # `a.b.C`, where `a.b` is a module and C is in it
        return False
