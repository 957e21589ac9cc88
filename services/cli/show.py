"""`postdocs show`: where a run stands: task, data plan, leaderboard, verdicts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from services.cli.options import DEFAULT_RUNS_DIR, AsJson, OnBus, RunName, RunsDir

if TYPE_CHECKING:
    from rich.console import Console

    from protocol.ledger import Ledger
    from services.run_folder import RunFolder
    from services.runs_on_bus import RunOnBus


def command(
    name: RunName = "latest",
    top: Annotated[int, typer.Option("--top", min=1, help="How many experiments of the leaderboard.")] = 20,
    runs_dir: RunsDir = DEFAULT_RUNS_DIR,
    bus: OnBus = None,
    as_json: AsJson = False,
) -> None:
    """Show where a run stands: task, data, leaderboard, the gate's verdicts."""
    import asyncio

    from services.cli.screen import console, print_json
    from services.run_access import find_anywhere, read_ledger

    folder = asyncio.run(find_anywhere(runs_dir, name, bus))
    ledger = asyncio.run(read_ledger(folder))
    if as_json:
        print_json(_facts(folder, ledger))
    else:
        _print(console(), folder, ledger, top)


def _facts(folder: RunFolder | RunOnBus, ledger: Ledger) -> dict[str, Any]:
    from services import spending

    def plain(model: Any) -> Any:
        return model.model_dump(mode="json") if model is not None else None

    return {
        "run": folder.id,
        "state": _state(folder, ledger),
        "task": plain(ledger.brief.task) if ledger.brief else None,
        "floor": plain(ledger.floor),
        "incumbent": ledger.incumbent,
        "incumbent_score": plain(ledger.incumbent_score),
        "directive": plain(ledger.directive),
        "strategies_closed": ledger.closed,
        "noise_floor": ledger.noise_floor(),
        "experiments": ledger.rows(),
        "data_plan": plain(ledger.plan),
        "verdicts": [plain(verdict) for verdict in ledger.verdicts],
        "tells": ledger.tells,
        "crew": plain(ledger.brief.crew) if ledger.brief else None,
        "advice": [plain(said) for said in ledger.advice],
        "seconds": ledger.spent(),
        "minds": spending.plain(ledger),
        "ended": plain(ledger.ended),
    }


def _state(run: RunFolder | RunOnBus, ledger: Ledger) -> str:
    """In words; on a bus it cannot be told whether a run that has not ended goes on."""
    from services.run_summary import summary
    from services.runs_on_bus import RunOnBus

    if not isinstance(run, RunOnBus):
        return str(summary(run)["state"])
    return ledger.ended.outcome.replace("_", " ") if ledger.ended else "on an external bus"


def _print(screen: Console, folder: RunFolder | RunOnBus, ledger: Ledger, top: int) -> None:
    from services.cli.clockwork import spent
    from services.cli.dialogue import clock
    from services.cli.leaderboard import leaderboard, spent_by_minds, standing
    from services.run_access import keeps_going

    headline = ledger.brief.headline() if ledger.brief else "no brief yet"
    time = clock(spent(ledger, keeps_going(folder)))
    _lines(screen, f"{folder.id}: {_state(folder, ledger)}, {time} spent", [headline, standing(ledger)])
    if ledger.plan:
        rejected = [
            f"✗ {r.source} ({r.fault}{'' if r.whole else f', {r.rows} rows'}): {r.reason}" for r in ledger.plan.rejected
        ]
        taken = ", ".join(f"{rows} of {source}" for source, rows in ledger.plan.mixture.weights.items())
        clean = "clean" if ledger.plan.contamination.clean else "CONTAMINATED"
        made = [f"✎ {one.origin}" for one in ledger.plan.profiles if one.origin]
        _lines(screen, "Data", [f"{ledger.plan.mixture.rows} rows ({taken}), {clean}", *made, *rejected])
    if ledger.entries:
        _lines(screen, "Leaderboard", [])
        screen.print(leaderboard(ledger, top))
    waiting = [f"{e.experiment.id}: {e.status} {e.reason}" for e in ledger.entries.values() if e.score is None]
    if waiting:
        _lines(screen, "Without a score", waiting)
    if ledger.verdicts:
        _lines(screen, "Verdicts", [verdict.headline() for verdict in ledger.verdicts])
    if ledger.brief and (told := ledger.brief.crew.told()):
        _lines(screen, "Crew", told)
    if ledger.advice:
        last = {said.role: said for said in ledger.advice}
        _lines(screen, "Other roles say", [f"{said.role}: {said.text}" for said in last.values()])
    if ledger.closed:
        _lines(screen, "Strategies closed", [f"{strategy}: {why}" for strategy, why in ledger.closed.items()])
    if ledger.spent_by:
        _lines(screen, "Spent on thinking", [])
        screen.print(spent_by_minds(ledger))


def _lines(screen: Console, title: str, lines: list[str]) -> None:
    from services.cli.screen import printable

    screen.print(f"\n{title}", style="bold")
    for told in lines:
        screen.print(printable(told), soft_wrap=True)
