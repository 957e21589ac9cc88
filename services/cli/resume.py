"""`postdocs resume`: goes on with a run that was interrupted or killed."""

from __future__ import annotations

from services.cli.options import (
    DEFAULT_RUNS_DIR,
    AsJson,
    BusUrl,
    GraphUrl,
    Model,
    NoSandbox,
    RunName,
    RunsDir,
    TotalBudget,
    Verbose,
    Worker,
)


def command(
    name: RunName = "latest",
    budget: TotalBudget = None,
    model: Model = None,
    bus: BusUrl = None,
    runs_dir: RunsDir = DEFAULT_RUNS_DIR,
    worker: Worker = "auto",
    no_sandbox: NoSandbox = False,
    graph_url: GraphUrl = None,
    as_json: AsJson = False,
    verbose: Verbose = False,
) -> None:
    """Go on with a run where it stopped; no experiment runs twice."""
    from protocol.errors import BadInput
    from services.cli import elsewhere
    from services.cli.session import carry_out, options
    from services.graph_server.served import read_served
    from services.run_access import find_run, is_running

    if graph_url is not None:
        given = {"--budget": budget, "--model": model, "--bus": bus, "--worker": worker != "auto"}
        given |= {"--no-sandbox": no_sandbox, "--runs-dir": runs_dir != DEFAULT_RUNS_DIR}
        elsewhere.refuse("--graph-url", {name: bool(value) for name, value in given.items()})
        elsewhere.resume(graph_url, name, as_json=as_json, verbose=verbose)
    folder = find_run(runs_dir, name)
    if is_running(folder):
        raise BadInput(f"{folder.id} is running: see it with `postdocs watch {folder.id}`")
    if folder.studio.exists():
        raise BadInput(
            f"{folder.id} is LangGraph Studio's: open its thread there (make studio), or give that server's --graph-url"
        )
    served = read_served(folder)
    if served is not None and served.failed is None:
        raise BadInput(f"{folder.id} is a graph server's, which resumes it itself: start that again")
    launch_options = options(
        task=None,
        task_path=None,
        budget=budget,
        model=model,
        data=None,
        bus=bus,
        runs_dir=runs_dir,
        run=folder.id,
        worker=worker,
        sandbox=not no_sandbox,
    )
    carry_out(launch_options, as_json=as_json, verbose=verbose)
