"""`--graph-url`: a run whose state machine is on a LangGraph server, shown and ended as one that runs here."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from protocol.errors import BadInput

if TYPE_CHECKING:
    from protocol.control import RunEnded
    from services.studio.client import DraftThere, RemoteRun

    Begin = Callable[[RemoteRun], Coroutine[Any, Any, RunEnded]]


def refuse(option: str, given: dict[str, bool]) -> None:
    """Raises `BadInput`: an option that is silently ignored is a promise that is not kept."""
    for name, is_given in given.items():
        if is_given:
            raise BadInput(f"{name} does not go with {option}: it is the graph server that decides this, where it runs")


def run(
    url: str,
    task: str,
    yes: bool,
    *,
    budget: str | None,
    model: list[str] | None,
    data: Path | None,
    choices: dict[str, Any],
    **how: bool,
) -> NoReturn:
    """Hand a task over, or have a goal in plain words made one there and ask; then see the run to its end."""
    from protocol.brief import Choices
    from services.cli.goal import is_goal, require_approval
    from services.cli.session import budget_seconds, check_data, task_minds

    if is_goal(task):
        also = {"--budget": budget, "--model": model, "--data": data, "--seed": choices["seed"]}
        also |= {"--require-llm": choices["require_llm"], "--artifacts": choices["artifacts"]}
        also["--track"] = choices["track"] != os.environ.get("POSTDOCS_TRACK", "trackio")
        refuse("a goal in plain words there", {name: bool(value) for name, value in also.items()})
        made = asyncio.run(_drafted(url, task))
        require_approval(made.text, yes)
        _carry_out(url, lambda there: there.approve(made), **how)
    check_data(data)
    minds, seconds = (
        task_minds(model, Path(task), data) if model else (),
        budget_seconds(budget),
    )  # no minds: those of the server
    chosen = Choices(models=minds, **choices)
    _carry_out(url, lambda there: there.hand_over(Path(task), chosen, data, seconds), **how)


def resume(url: str, run: str, **how: bool) -> NoReturn:
    """Go on with a run there, or take over one that goes on."""
    _carry_out(url, lambda there: there.resume(run), **how)


async def _drafted(url: str, words: str) -> DraftThere:
    from services.studio.client import RemoteRun, reach

    async with reach(url) as client:
        there = RemoteRun(client, url)
        return await there.unless_interrupted(there.draft(words))


def _carry_out(url: str, begin: Begin, *, as_json: bool, verbose: bool) -> NoReturn:
    from services.cli.live import LiveView
    from services.cli.screen import console
    from services.cli.session import finish
    from services.studio.client import RemoteRun, reach

    view = LiveView(console(stderr=as_json), verbose=verbose, silent=as_json and not verbose)

    async def see_through() -> RunEnded:
        async with reach(url) as client:
            there = RemoteRun(client, url, view.on_envelope)
            return await there.unless_interrupted(begin(there))

    with view:
        ended = asyncio.run(see_through())
    finish(view.run or "", ended, as_json)
