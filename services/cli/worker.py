"""`postdocs worker`: adds this machine to a bus as one that runs jobs."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer


def command(
    bus: Annotated[str, typer.Option("--bus", metavar="URL", help="The NATS server: nats://host:4222.")],
    queue: Annotated[str, typer.Option("--queue", help="Whose jobs to take.")] = "default",
    slots: Annotated[int, typer.Option("--slots", min=1, help="How many jobs at once.")] = 1,
    name: Annotated[str | None, typer.Option("--name", help="Name of this worker; host and process without.")] = None,
) -> None:
    """Take jobs from a bus and run them on this machine, until interrupted. A token: POSTDOCS_BUS_TOKEN."""
    argv = ["--queue", queue, "--slots", str(slots)]
    if name:
        argv += ["--name", name]
    os.environ["POSTDOCS_BUS_URL"] = bus  # not an argument: a password in it would show in the list of processes
    # this process becomes the worker: its signals and exit code are the worker's own
    os.execv(sys.executable, [sys.executable, "-m", "services.executor", *argv])
