"""`postdocs run`: launches a crew on a task."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from services.cli.dry_run import look_only
from services.cli.options import (
    DEFAULT_RUNS_DIR,
    Artifacts,
    AsJson,
    Budget,
    BusUrl,
    Data,
    GraphUrl,
    Model,
    NoSandbox,
    RequireLlm,
    RunsDir,
    Track,
    Verbose,
    Worker,
)


def command(
    task: Annotated[
        str, typer.Argument(metavar="TASK", help="The task: a YAML file, or a goal in words, of which one is made.")
    ],
    budget: Budget = None,
    model: Model = None,
    require_llm: RequireLlm = False,
    data: Data = None,
    bus: BusUrl = None,
    runs_dir: RunsDir = DEFAULT_RUNS_DIR,
    worker: Worker = "auto",
    no_sandbox: NoSandbox = False,
    seed: Annotated[int, typer.Option("--seed", help="Seed of all that is drawn at random.")] = 0,
    track: Track = "trackio",
    artifacts: Artifacts = None,
    as_json: AsJson = False,
    detach: Annotated[
        bool, typer.Option("--detach", help="Hand the run to the graph server on the bus, print its id, and end.")
    ] = False,
    graph_url: GraphUrl = None,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Check the task, print plan, sizing, hours and cost; start nothing."),
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Run what was made of a goal in words without asking.")] = False,
    verbose: Verbose = False,
) -> None:
    """Launch a crew: from the base model of a task to a better one, within its budget."""
    from services.cli import elsewhere
    from services.cli.goal import task_of
    from services.cli.session import carry_out, check_data, hand_over, options, store_checked, task_minds, track_checked
    from services.task_file import load_task

    servers = {"--worker": worker != "auto", "--no-sandbox": no_sandbox, "--runs-dir": runs_dir != DEFAULT_RUNS_DIR}
    choices: dict[str, Any] = {
        "seed": seed,
        "require_llm": require_llm,
        "track": track_checked(track),
        "artifacts": store_checked(artifacts),
    }
    if graph_url is not None:
        also = {"--bus": bus is not None, "--detach": detach, "--dry-run": dry_run}
        elsewhere.refuse("--graph-url", servers | also)
        shown: dict[str, bool] = {"as_json": as_json, "verbose": verbose}
        elsewhere.run(graph_url, task, yes, budget=budget, model=model, data=data, choices=choices, **shown)
    path = task_of(task, runs_dir, yes=yes or dry_run)
    if dry_run:
        given: dict[str, Any] = {"budget": budget, "data": data, "model": model, "worker": worker, "bus": bus}
        look_only(path, **given, detach=detach, as_json=as_json)
    if detach:
        elsewhere.refuse("--detach", servers)
        check_data(data)
        minds = task_minds(model or [], path, data)
        hand_over(path, budget=budget, data=data, bus=bus, as_json=as_json, models=minds, **choices)
        return
    where: dict[str, Any] = {"bus": bus, "runs_dir": runs_dir, "worker": worker, "sandbox": not no_sandbox}
    checked = load_task(path, data, here=True)
    asked: dict[str, Any] = {"task": checked, "task_path": path.resolve(), "run": None, "data": data}
    carry_out(options(budget=budget, model=model, **asked, **where, **choices), as_json=as_json, verbose=verbose)
