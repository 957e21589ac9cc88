"""`postdocs run`: launches a crew on a task."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from protocol.errors import BadInput
from services.cli.options import DEFAULT_RUNS_DIR, AsJson, Budget, BusUrl, Data, Model, RunsDir, Verbose, Worker


def command(
    task: Annotated[str, typer.Argument(metavar="TASK", help="The task, a YAML file.")],
    budget: Budget = None,
    model: Model = None,
    data: Data = None,
    bus: BusUrl = None,
    runs_dir: RunsDir = DEFAULT_RUNS_DIR,
    worker: Worker = "auto",
    seed: Annotated[int, typer.Option("--seed", help="Seed of all that is drawn at random.")] = 0,
    as_json: AsJson = False,
    yes: Annotated[bool, typer.Option("--yes", help="Ask nothing (a task file needs no approval).")] = False,
    verbose: Verbose = False,
) -> None:
    """Launch a crew: from the base model of a task to a better one, within its budget."""
    from services.cli.session import carry_out, options
    from services.task_file import load_task

    path = Path(task)
    if " " in task and not path.exists():
        raise BadInput(
            f"there is no task file {task!r}: goals in plain words come with a later release, write a YAML file"
        )
    launch_options = options(
        task=load_task(path, data),
        task_path=path.resolve(),
        budget=budget,
        model=model,
        data=data,
        bus=bus,
        runs_dir=runs_dir,
        run=None,
        worker=worker,
        seed=seed,
    )
    carry_out(launch_options, as_json=as_json, verbose=verbose)
