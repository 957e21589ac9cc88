"""Where roles are found: entry points of the group `postdocs.roles`. Built-in roles are found the same way."""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points

from agents.role import Role
from protocol.errors import BadInput

GROUP = "postdocs.roles"


def names() -> list[str]:
    """All roles that are installed."""
    return sorted(point.name for point in entry_points(group=GROUP))


def load(name: str) -> Role:
    """The role of this name. Raises `BadInput` when there is none, or when it is not a `Role`."""
    found = {point.name: point for point in entry_points(group=GROUP)}
    if name not in found:
        raise BadInput(f"no role {name!r} is installed: there are {', '.join(sorted(found))}")
    return _loaded(found[name])


def _loaded(point: EntryPoint) -> Role:
    role = point.load()
    if not isinstance(role, Role):
        raise BadInput(f"the entry point {point.name} = {point.value} is not an agents.role.Role, but {type(role)}")
    return role
