"""`postdocs runs`: a table of the runs in a folder, from the files that each run keeps; or of a graph server's."""

from __future__ import annotations

import contextlib
import os
from typing import Any

from services.cli.options import DEFAULT_RUNS_DIR, AsJson, OnBus, RunsDir


def command(runs_dir: RunsDir = DEFAULT_RUNS_DIR, bus: OnBus = None, as_json: AsJson = False) -> None:
    """List the runs: task, state, floor, test score, experiments, time. With --bus those of the graph server there."""
    from protocol.errors import without_userinfo
    from services.cli.screen import console, print_json
    from services.graph_server.client import NoGraphServer
    from services.run_access import all_runs
    from services.run_summary import summary

    rows = [summary(folder) for folder in all_runs(runs_dir)] if bus is None else []
    if bus is not None:
        rows = _served(bus)
    elif not rows and os.environ.get("POSTDOCS_BUS_URL"):
        with contextlib.suppress(NoGraphServer):  # nobody has asked for one
            rows = _served(None)
    if as_json:
        print_json(rows)
    elif rows:
        console().print(_table(rows))
    else:
        console().print(
            f"No run in {without_userinfo(bus) if bus else runs_dir} yet: begin one with `postdocs run TASK`."
        )


def _served(bus: str | None) -> list[dict[str, Any]]:
    import asyncio

    from services.graph_server.client import list_runs
    from services.runs_on_bus import given_bus

    return [row.model_dump(mode="json") for row in asyncio.run(list_runs(given_bus(bus)))]


def _table(rows: list[dict[str, Any]]) -> Any:
    from rich.table import Table

    table = Table("run", "task", "state", "begun", box=None, pad_edge=False)
    for name in ("floor", "best dev", "test", "target", "experiments", "seconds"):
        table.add_column(name, justify="right")
    for row in rows:
        figures = [_number(row[key]) for key in ("floor", "dev", "test", "target")]
        counts = [str(row["experiments"]), "" if row["seconds"] is None else f"{row['seconds']:.0f}"]
        table.add_row(row["run"], row["task"] or "?", row["state"], row["begun"] or "", *figures, *counts)
    return table


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"
