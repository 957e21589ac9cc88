"""`postdocs roles`: who can be in a crew, built in or installed, found by the entry points `postdocs.roles`."""

from __future__ import annotations

from typing import Any

from services.cli.options import AsJson

GROUP = "postdocs.roles"


def command(as_json: AsJson = False) -> None:
    """List the roles: name, what it is for, its mind, and where it comes from."""
    from services.cli.screen import console, print_json

    rows = _roles()
    if as_json:
        print_json(rows)
        return
    from rich.table import Table

    table = Table("role", "mind", "from", "about", box=None, pad_edge=False)
    for row in rows:
        table.add_row(row["name"], row["mind"] or "", row["from"], row["error"] or row["about"])
    console().print(table)


def _roles() -> list[dict[str, Any]]:
    from importlib.metadata import entry_points

    return [_role(point) for point in sorted(entry_points(group=GROUP), key=lambda point: point.name)]


def _role(point: Any) -> dict[str, Any]:
    """A role that does not load is listed with the reason: another package's fault must not hide the others."""
    row: dict[str, Any] = {"name": point.name, "about": "", "mind": None, "from": point.value, "error": None}
    try:
        role = point.load()
    except Exception as error:
        return row | {"error": f"does not load: {type(error).__name__}: {error}"}
    mind = getattr(role, "mind", None)
    named = mind if isinstance(mind, str) else getattr(mind, "name", None)
    return row | {
        "name": str(getattr(role, "name", point.name)),
        "about": " ".join(str(getattr(role, "about", "") or role.__doc__ or "").split()),
        "mind": str(named or "playbook"),
    }
