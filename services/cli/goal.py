"""`postdocs run "…"`: a goal in plain words becomes a task file, which is shown and run when the user approves."""

from __future__ import annotations

import os.path
import sys
from pathlib import Path

import typer

from protocol.errors import BadInput


def is_goal(words: str) -> bool:
    """Whether these are words, and no file."""
    return " " in words and not os.path.exists(words)  # noqa: PTH110 (a Path raises for a long sentence)


def task_of(words: str, runs_dir: Path, *, yes: bool) -> Path:
    """The task file that is meant by `words`: their own path, or a draft that was approved.

    Raises `BadInput`: what was not understood, where nobody can be asked, or what the user did not want.
    """
    from services.drafting import DRAFTS, draft, save

    if not is_goal(words):
        return Path(words)
    made = draft(words, runs_dir / DRAFTS)
    require_approval(f"{made.text.strip()}\n\n{made.how}", yes)
    path = save(made, runs_dir / DRAFTS)
    typer.echo(f"task file {path}", err=True)
    return path


def require_approval(shown: str, yes: bool) -> None:
    """Show what is to be run, and ask unless it is approved already. Raises `BadInput`: nothing is to be started."""
    typer.echo(shown, err=True)
    if yes:
        return
    if not sys.stdin.isatty():
        raise BadInput("there is no terminal to ask on: nothing is started; approve the task by --yes")
    if not typer.confirm("Start this run?", default=True, err=True):
        raise BadInput("not approved: nothing is started")
