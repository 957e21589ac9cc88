"""`postdocs run TASK --dry-run`: prints whether the task could run, and what would come of it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import NoReturn

import typer

from protocol.errors import BadInput

COULD_NOT = 2


def look_only(
    path: Path,
    *,
    budget: str | None,
    data: Path | None,
    model: list[str] | None,
    worker: str,
    bus: str | None,
    detach: bool,
    as_json: bool,
) -> NoReturn:
    """Look, print, and exit: 0 when it could run, 2 when not. Raises `BadInput`."""
    from services.cli.screen import console, print_json
    from services.cli.session import budget_seconds, check_data, task_minds, worker_checked
    from services.dry_run import told
    from services.dry_run.dry_run import dry_run

    if detach:
        raise BadInput("--dry-run looks at this machine, --detach runs on another: leave one out")
    check_data(data)
    minds = task_minds(model or [], path, data, here=True)
    given = {"budget": budget_seconds(budget), "data": data, "worker": worker_checked(worker), "bus": bus}
    found = asyncio.run(dry_run(path, models=minds, **given))  # type: ignore[arg-type]
    if as_json:
        print_json(found.model_dump(mode="json"))
    else:
        for line in told.lines(found):
            console().print(line, soft_wrap=True)
    raise typer.Exit(0 if found.could_run else COULD_NOT)
