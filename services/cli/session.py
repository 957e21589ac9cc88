"""Launches a crew under the live view and ends with what came of it. Used by `run` and `resume`."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast, get_args

import typer

from protocol.errors import BadInput

if TYPE_CHECKING:
    from services.launcher import Options

PLAYBOOK = "playbook"
Worker = Literal["auto", "local", "none"]


def options(
    *,
    budget: str | None,
    model: list[str] | None,
    data: Path | None,
    bus: str | None,
    runs_dir: Path,
    worker: str,
    **given: Any,
) -> Options:
    """The launcher's options, after what the user gave was checked. `given` are the launcher's own fields."""
    from services.launcher import Options

    check_minds(model or [])
    if data is not None and not data.is_dir():
        raise BadInput(f"--data is {str(data)!r}, and there is no such folder: give the folder that holds the files")
    return Options(
        budget=budget_seconds(budget),
        data=data.resolve() if data else None,
        bus=bus,
        runs_dir=runs_dir,
        worker=_worker(worker),
        **given,
    )


def _worker(worker: str) -> Worker:
    if worker not in get_args(Worker):
        raise BadInput(f"--worker is {worker!r}: use one of {', '.join(get_args(Worker))}")
    return cast(Worker, worker)


def budget_seconds(budget: str | None) -> float | None:
    """`--budget` in seconds. Raises `BadInput`."""
    from protocol.brief import seconds

    if budget is None:
        return None
    try:
        value = float(str(seconds(budget)))
    except ValueError as error:
        raise BadInput(f"--budget: {error}") from error
    if value <= 0:
        raise BadInput(f"--budget is {budget!r}: give more than no time, e.g. 5m")
    return value


def check_minds(models: list[str]) -> None:
    """Only the embedded playbook is there now. Raises `BadInput`."""
    for name in models:
        mind = name.rsplit("=", 1)[-1]
        if mind != PLAYBOOK:
            raise BadInput(
                f"--model is {name!r}: language-model minds come with the next release, use --model {PLAYBOOK}"
            )


def carry_out(options: Options, *, as_json: bool, verbose: bool) -> None:
    """Run it to its end, print what came of it, and exit with its code."""
    from services.cli import ending
    from services.cli.live import LiveView
    from services.cli.screen import console, print_json
    from services.launcher import launch

    view = LiveView(console(stderr=as_json), verbose=verbose, budget=options.budget, silent=as_json and not verbose)
    with view:
        ended = asyncio.run(launch(options, view.on_envelope))
    run = view.run or options.run or ""
    if as_json:
        print_json(ending.as_json(run, ended), indent=None)
    else:
        ending.print_ending(run, ended)
    raise typer.Exit(ending.exit_code(ended))
