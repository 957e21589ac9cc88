"""Where roles are found: entry points of the group `postdocs.roles`, the built-in ones too, and files of a project.

A file `roles/NAME.py` beside a task file defines `ROLE`; its name is the role's. Nothing is loaded from anywhere else.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Mapping
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

from agents.role import Role
from protocol.crew import BUILT_IN, name_fault
from protocol.errors import BadInput

GROUP = "postdocs.roles"
FOLDER = "roles"
"""Beside the task file."""


class Broken(BadInput):
    """A role's code cannot be loaded, or is no role."""

    def __init__(self, where: str, why: str) -> None:
        self.where, self.why = where, why
        super().__init__(f"the role in {where} cannot be used: {why}")


def points() -> dict[str, EntryPoint]:
    """Name → entry point of all roles that are installed. The name of a built-in one is nobody else's."""
    found = {point.name: point for point in entry_points(group=GROUP)}
    ours = {point.name: point for point in entry_points(group=GROUP) if point.value.startswith("agents.")}
    return found | ours


def names() -> list[str]:
    """All roles that are installed."""
    return sorted(points())


def source(name: str) -> str:
    """The package that a role was installed with, and its version."""
    package = points()[name].dist
    return f"{package.name} {package.version}" if package else points()[name].value


def files(folder: Path) -> dict[str, Path]:
    """The roles in the project's `roles/` beside a task file in `folder`, by name; nothing of them is loaded.

    Raises `BadInput` for a file whose name cannot be a role's.
    """
    found = {}
    for path in sorted((folder / FOLDER).glob("*.py")):
        if path.stem.startswith("_"):
            continue
        fault = name_fault(path.stem)
        if fault:
            raise BadInput(f"{path}: {fault}, and rename the file (one that holds no role begins with _)")
        found[path.stem] = path.resolve()
    return found


def load(name: str, here: Mapping[str, Path] | None = None) -> Role:
    """The role of this name: one of the files `here`, or an installed one. Raises `BadInput` when there is none, and
    `Broken` when its code does not load or defines no `Role`."""
    if here and name in here:
        return _of_file(name, here[name])
    found = points()
    if name not in found:
        known = ", ".join([*found, *(here or ())])
        raise BadInput(f"no role {name!r} is installed: there are {known}")
    point = found[name]
    return _checked(name, _tried(point.load, point.value), point.value)


def _of_file(name: str, path: Path) -> Role:
    """Run the file as a module of its own, and take its `ROLE`."""
    spec = importlib.util.spec_from_file_location(f"postdocs_roles_{name}", path)
    assert spec is not None and spec.loader is not None, "a .py file has a loader"
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # pydantic looks the annotations of a module's classes up there
    _tried(lambda: spec.loader.exec_module(module), str(path))
    if not hasattr(module, "ROLE"):
        raise Broken(str(path), "it defines no ROLE: end it with ROLE = Role(name=…, about=…, playbook={…})")
    return _checked(name, module.ROLE, str(path))


def _tried(load: Any, where: str) -> Any:
    try:
        return load()
    except FileNotFoundError as error:
        raise Broken(where, f"{error.filename} is not there") from error
    except (Exception, SystemExit) as error:  # code of others, which may do anything on import
        raise Broken(where, f"it does not load ({type(error).__name__}: {error})") from error


def _checked(name: str, role: Any, where: str) -> Role:
    if not isinstance(role, Role):
        raise Broken(where, f"it is not an agents.role.Role, but {type(role).__name__}")
    if role.name != name:
        raise Broken(where, f"it is found as {name!r}, and calls itself {role.name!r}: give it one name")
    fault = None if name in BUILT_IN else name_fault(name)
    if fault:
        raise Broken(where, fault)
    return role
