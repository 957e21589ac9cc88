"""All that can be trained on: the task's sources, and those that this run has made or found. Read by the Curator's form
and tools."""

from __future__ import annotations

from pathlib import Path

from protocol.brief import DataSource
from protocol.data import CurateRequest
from tools import run_source


def sources(request: CurateRequest) -> dict[str, DataSource]:
    """By name; what the task names comes before another source of that name."""
    return run_source.sources(Path(request.folder)) | {source.name: source for source in request.task.data}


def taken_name(request: CurateRequest, name: str) -> str:
    """Why a new source cannot have this name, or an empty text."""
    if name in {source.name for source in request.task.data}:
        return f"{name} is a source of the task: give another name"
    if name in sources(request):
        return f"there is a source {name} already: give another name"
    return ""
