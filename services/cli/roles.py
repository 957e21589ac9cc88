"""`postdocs roles`: who can be in a crew, built in, installed, or of the project here; and `roles new NAME`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from services.cli.options import AsJson

NEW = "new"


def command(
    order: Annotated[
        str | None, typer.Argument(metavar="[new]", help="Write the package of a new role; without: list them.")
    ] = None,
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="The new role.")] = None,
    into: Annotated[Path, typer.Option("--into", metavar="DIR", help="The empty folder it is written to.")] = Path(),
    as_json: AsJson = False,
) -> None:
    """List the roles: name, where it stands, what it is for, and where it comes from. `new NAME`: write one."""
    from services.cli.screen import console, print_json

    if order is not None:
        _write(order, name, into)
        return
    rows = _roles()
    if as_json:
        print_json(rows)
        return
    from rich.table import Table

    table = Table("role", "stands", "from", "about", box=None, pad_edge=False)
    for row in rows:
        table.add_row(row["name"], row["stands"], row["from"], row["error"] or row["about"])
    console().print(table)


def _write(order: str, name: str | None, into: Path) -> None:
    from protocol.errors import BadInput
    from services.new_role import write_role

    if order != NEW:
        raise BadInput(
            f"{order!r} is nothing to do with roles: postdocs roles new NAME writes one, postdocs roles lists"
        )
    if name is None:
        raise BadInput("new what? postdocs roles new NAME")
    for path in write_role(name, into):
        typer.echo(f"wrote {path}")
    there = "." if into == Path() else str(into)
    typer.echo(f"Next: pip install -e {there}, then pytest {there}; the next `postdocs run` has the {name} speak.")


def _roles() -> list[dict[str, Any]]:
    from agents import registry
    from protocol.errors import BadInput

    rows = [_installed(name) for name in registry.names()]
    try:
        files = registry.files(Path())
    except BadInput as error:  # of a folder that may have nothing to do with us
        return [*rows, {"name": "", "about": "", "stands": "", "from": registry.FOLDER, "error": str(error)}]
    return rows + [_of_project(name, path) for name, path in files.items()]


def _installed(name: str) -> dict[str, Any]:
    """A role that does not load is listed with the reason: another package's fault must not hide the others."""
    from agents import registry
    from agents.registry import Broken
    from protocol.crew import BUILT_IN

    row: dict[str, Any] = {"name": name, "about": "", "stands": "", "from": registry.source(name), "error": None}
    try:
        role = registry.load(name)
    except Broken as error:
        return row | {"error": str(error)}
    stands = "built in" if name in BUILT_IN else f"after {role.after}" if role.after else "on call"
    return row | {"about": role.about, "stands": stands}


def _of_project(name: str, path: Path) -> dict[str, Any]:
    """Of a file its first words only: it is not run for a list."""
    import ast

    row: dict[str, Any] = {"name": name, "about": "", "stands": "", "from": str(path), "error": None}
    try:
        told = ast.get_docstring(ast.parse(path.read_text())) or ""
    except (OSError, SyntaxError, ValueError) as error:
        return row | {"error": f"cannot be read: {error}"}
    return row | {"about": " ".join(told.partition("\n\n")[0].split())}
