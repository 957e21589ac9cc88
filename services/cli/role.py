"""`postdocs role`: serves one role on a bus, for all runs there."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer


def command(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The role: installed here, or a file roles/NAME.py.")],
    bus: Annotated[str, typer.Option("--bus", metavar="URL", help="The NATS server: nats://host:4222.")],
    model: Annotated[
        str | None,
        typer.Option("--model", metavar="M", help="Its mind, in place of what the runs say: `playbook`, `openai/…`."),
    ] = None,
) -> None:
    """Serve a role on a bus for all runs, until interrupted; several share the load. A token: POSTDOCS_BUS_TOKEN.

    SIGTERM and Ctrl-C end it when it has answered what it is at; the second one ends it at once.
    """
    from agents import registry
    from agents.minds import choice

    path = Path(name)
    here = {path.stem: path.resolve()} if path.suffix == ".py" else {}
    role = registry.load(path.stem if here else name, here)
    argv = ["--roles", role.name, *(part for file in here.values() for part in ("--file", str(file)))]
    if model is not None:
        minds = choice.chosen(choice.choose([model], [role.name]))
        argv += [f"--model={one}" for one in minds]
    os.environ["POSTDOCS_BUS_URL"] = bus  # not an argument: a password in it would show in the list of processes
    os.execv(sys.executable, [sys.executable, "-m", "services.crew", *argv])
