"""`postdocs run "…"`: a goal in plain words becomes a task file, which is shown and run when the user approves."""

from __future__ import annotations

import sys
from pathlib import Path

import typer

from protocol.errors import BadInput


def task_of(words: str, runs_dir: Path, *, yes: bool) -> Path:
    """The task file that is meant by `words`: their own path, or a draft that was approved.

    Raises `BadInput`: what was not understood, where nobody can be asked, or what the user did not want.
    """
    from services.drafting import DRAFTS, draft, save

    if " " not in words or Path(words).exists():
        return Path(words)
    made = draft(words, runs_dir / DRAFTS)
    typer.echo(f"{made.text.strip()}\n\n{made.how}", err=True)
    if not yes:
        _approve()
    path = save(made, runs_dir / DRAFTS)
    typer.echo(f"task file {path}", err=True)
    return path


def _approve() -> None:
    if not sys.stdin.isatty():
        raise BadInput("there is no terminal to ask on: nothing is started; approve the task by --yes")
    if not typer.confirm("Start this run?", default=True, err=True):
        raise BadInput("not approved: nothing is started")
