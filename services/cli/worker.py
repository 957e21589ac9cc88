"""`postdocs worker`: adds this machine to a bus as one that runs jobs."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer


def command(
    bus: Annotated[str, typer.Option("--bus", metavar="URL", help="The NATS server: nats://host:4222.")],
    queue: Annotated[str | None, typer.Option("--queue", help="Whose jobs to take.")] = None,
    slots: Annotated[
        int | None,
        typer.Option("--slots", min=1, help="Most jobs at once; without: one on a CPU, and as many as fit on GPUs."),
    ] = None,
    name: Annotated[str | None, typer.Option("--name", help="Name of this worker; host and process without.")] = None,
    backend: Annotated[
        str | None, typer.Option("--backend", help="What runs the jobs: local (this machine), ray, slurm or hf_jobs.")
    ] = None,
    artifacts: Annotated[
        str | None,
        typer.Option("--artifacts", metavar="URL", help="Store to use where the disk of the runs is not seen."),
    ] = None,
    no_sandbox: Annotated[
        bool, typer.Option("--no-sandbox", help="Run jobs without a sandbox: they can do all that you can.")
    ] = False,
) -> None:
    """Take jobs from a bus and run them on this machine, until interrupted. A token: POSTDOCS_BUS_TOKEN.

    Each option of the worker can also be set in the environment: POSTDOCS_WORKER_SLOTS=4.
    """
    from services.home import require_home

    require_home()
    given = {"--queue": queue, "--slots": slots, "--name": name, "--backend": backend}
    given["--artifacts"] = artifacts
    argv = [part for option, value in given.items() if value is not None for part in (option, str(value))]
    argv += ["--no-sandbox"] if no_sandbox else []
    os.environ["POSTDOCS_BUS_URL"] = bus  # not an argument: a password in it would show in the list of processes
    # this process becomes the worker: its signals and exit code are the worker's own
    os.execv(sys.executable, [sys.executable, "-m", "services.executor", *argv])
