"""How a run ended: for people, as JSON, and as an exit code. Used by `run`, `resume` and `watch`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from protocol.control import RunEnded
from services.cli.dialogue import clock
from services.report.forked import read_how_often

MET = 0
NOT_MET = 3


def exit_code(ended: RunEnded) -> int:
    """0 when the target is met, or, where there is no target, when the result beats the floor; else 3."""
    if ended.target is not None:
        return MET if ended.outcome == "target_met" else NOT_MET
    return MET if ended.outcome in ("target_met", "better_than_floor") else NOT_MET


def as_json(run: str, ended: RunEnded) -> dict[str, Any]:
    """The figures of a run. `interval` is the 95 % interval of `test`; `target_met` is null without a target.
    `fork_of`: the run that it was forked from, whose test split it has; else null."""
    return {
        "run": run,
        "outcome": ended.outcome,
        "candidate": ended.candidate,
        "floor": ended.floor.value,
        "dev": ended.dev.value,
        "test": ended.test.value,
        "interval": [ended.test.low, ended.test.high],
        "target": ended.target,
        "target_met": None if ended.target is None else ended.outcome == "target_met",
        "experiments": ended.experiments,
        "killed": ended.killed,
        "promoted": ended.promoted,
        "failed": ended.failed,
        "seconds": round(ended.seconds, 3),
        "busy": round(ended.busy, 4),
        "final_model": ended.final_model,
        "fork_of": ended.fork_of,
    }


def told(run: str, ended: RunEnded) -> list[tuple[str, str]]:
    """(what, figure) for the summary under a run."""
    target = "none set" if ended.target is None else f"{ended.target:.3f}"
    counts = f"{ended.experiments} run, {ended.killed} killed, {ended.promoted} promoted, {ended.failed} failed"
    return [
        ("outcome", f"{ended.outcome.replace('_', ' ')} (target {target})"),
        ("ships", ended.candidate),
        ("floor", f"{ended.floor}  dev"),
        ("dev", f"{ended.dev}"),
        ("test", f"{ended.test}  sealed, {read_how_often(ended.fork_of)}, n={ended.test.n}"),
        ("experiments", counts),
        ("device busy", f"{100 * ended.busy:.0f} %"),
        ("wall time", f"{clock(ended.seconds)} ({ended.seconds:.0f} s)"),
        ("final_model", _short(ended.final_model)),
        ("more", f"postdocs report {run} · postdocs replay {run}"),
    ]


def _short(path: str) -> str:
    """Relative to where the user stands, when it is below."""
    here = Path.cwd()
    return str(Path(path).relative_to(here)) if Path(path).is_relative_to(here) else path


def print_ending(run: str, ended: RunEnded) -> None:
    """The summary, on standard output."""
    from services.cli.screen import console, printable

    screen = console()
    screen.print()
    for name, figure in told(run, ended):
        screen.print(f"{name:>12}  {printable(figure)}", soft_wrap=True, style="bold" if name == "test" else None)
