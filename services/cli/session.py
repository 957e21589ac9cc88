"""Launches a crew under the live view and ends with what came of it. Used by `run` and `resume`."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NoReturn, cast, get_args

import typer

from protocol.errors import BadInput

if TYPE_CHECKING:
    from protocol.brief import Track
    from protocol.control import RunEnded
    from services.launcher import Options

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

    check_data(data)
    return Options(
        models=chosen_minds(model or [], resumed=given.get("run") is not None, also=_own_roles(given, runs_dir)),
        budget=budget_seconds(budget),
        data=data.resolve() if data else None,
        bus=bus,
        runs_dir=runs_dir,
        worker=worker_checked(worker),
        **given,
    )


def worker_checked(worker: str) -> Worker:
    """Raises `BadInput`."""
    if worker not in get_args(Worker):
        raise BadInput(f"--worker is {worker!r}: use one of {', '.join(get_args(Worker))}")
    return cast(Worker, worker)


def budget_seconds(budget: str | None, option: str = "--budget") -> float | None:
    """An option that is a time, in seconds. Raises `BadInput`."""
    from protocol.duration import seconds

    if budget is None:
        return None
    try:
        value = float(str(seconds(budget)))
    except ValueError as error:
        raise BadInput(f"{option}: {error}") from error
    if value <= 0:
        raise BadInput(f"{option} is {budget!r}: give more than no time, e.g. 5m")
    return value


def _own_roles(given: dict[str, Any], runs_dir: Path) -> list[str]:
    """All roles of a run: of its brief, or of the task of a new one."""
    from protocol.brief import Brief
    from services.casting import known
    from services.run_access import find_run

    task, path, run = given.get("task"), given.get("task_path"), given.get("run")
    if task is not None and path is not None:
        return known(task.crew, path.parent)
    kept = find_run(runs_dir, run).brief if run is not None else None
    if kept is None or not kept.exists():
        return []
    return [member.role for member in Brief.model_validate_json(kept.read_text()).crew.members]


def task_minds(models: list[str], path: Path, data: Path | None, *, here: bool = False) -> tuple[str, ...]:
    """As `chosen_minds`, for the task file at `path`. Raises `BadInput`, for what is wrong with the task too."""
    from services.casting import known
    from services.task_file import load_task

    named = any("=" in text for text in models)  # else it is not asked which roles there are
    return chosen_minds(
        models, also=known(load_task(path, data, here=here).crew, path.resolve().parent) if named else ()
    )


def chosen_minds(models: list[str], resumed: bool = False, also: Sequence[str] = ()) -> tuple[str, ...]:
    """As a brief keeps them: what `--model` says, else what is set up here. `also`: roles that are not installed.
    Raises `BadInput`, for what would end the first turn of a model too: its key, its price, the MCP servers."""
    from agents.minds.llm import prices

    if resumed and not models:
        prices.check()
        return ()  # it goes on with those that it began with
    from agents import registry
    from agents.minds import choice
    from tools import mcp

    minds = choice.choose(models, {*registry.names(), *also})
    if any(minds.values()):
        prices.check()
        mcp.configured()
    return choice.chosen(minds)


def hand_over(
    path: Path, *, budget: str | None, data: Path | None, bus: str | None, as_json: bool, **choices: Any
) -> None:
    """Hand a run to the graph server, and print its id. `choices` are those of a brief."""
    from protocol.brief import Choices
    from services.cli.screen import print_json
    from services.graph_server import client
    from services.runs_on_bus import given_bus

    check_data(data)
    given: dict[str, Any] = {"data": data, "budget": budget_seconds(budget)}
    run = asyncio.run(client.hand_over(given_bus(bus), path, Choices(**choices), **given))
    if as_json:
        print_json({"run": run}, indent=None)
    else:
        typer.echo(run)


def track_checked(track: str) -> Track:
    """Raises `BadInput`."""
    from protocol.brief import Track

    if track not in get_args(Track):
        raise BadInput(f"--track is {track!r}: use one of {', '.join(get_args(Track))}")
    return cast(Track, track)


def store_checked(url: str | None) -> str | None:
    """The store's URL, a path made absolute. Raises `BadInput` where it cannot be used from here."""
    if not url:
        return None
    from services.artifacts.store import Store

    Store(url)
    return url if "://" in url else str(Path(url).expanduser().resolve())


def check_data(data: Path | None) -> None:
    """Raises `BadInput`."""
    if data is not None and not data.is_dir():
        raise BadInput(f"--data is {str(data)!r}, and there is no such folder: give the folder that holds the files")


def carry_out(options: Options, *, as_json: bool, verbose: bool) -> None:
    """Run it to its end, print what came of it, and exit with its code."""
    from services.cli.live import LiveView
    from services.cli.screen import console
    from services.launcher import launch

    view = LiveView(console(stderr=as_json), verbose=verbose, budget=options.budget, silent=as_json and not verbose)
    with view:
        ended = asyncio.run(launch(options, view.on_envelope))
    finish(view.run or options.run or "", ended, as_json)


def finish(run: str, ended: RunEnded, as_json: bool) -> NoReturn:
    """Print what came of a run, and exit with its code."""
    from services.cli import ending
    from services.cli.screen import print_json

    if as_json:
        print_json(ending.as_json(run, ended), indent=None)
    else:
        ending.print_ending(run, ended)
    raise typer.Exit(ending.exit_code(ended))
