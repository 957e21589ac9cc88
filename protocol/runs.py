"""Runs handed to the graph server: started, listed. All else that one wants of a run goes through its journal."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from protocol.brief import Choices, Task
from protocol.message import Message, Part

RUN_ID = re.compile(r"[a-z0-9][a-z0-9-]*")
"""A run's id is part of NATS subjects, and the name of a folder."""


def _stays_inside(name: str) -> str:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or not path.parts or "\\" in name:
        raise ValueError(f"{name!r} leads out of the folder")
    return name


class GivenFile(Part):
    """A file that a run comes with; its content lies in the bus's object store, under its hash."""

    name: Annotated[str, AfterValidator(_stays_inside)]
    """Relative path in the run's `given/`: below `task/`, `data/` or `model/`."""
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    size: int
    """Bytes."""


class StartRun(Message):
    """To the graph server: make this run and keep it going to its end. The envelope's `run` is the id it is to have."""

    type: Literal["start_run"] = "start_run"
    task: Task
    """Its paths lead to the files that are given, relative to `given/task`."""
    text: str
    """The task file as the user wrote it."""
    files: tuple[GivenFile, ...] = ()
    choices: Choices = Choices()

    def headline(self) -> str:
        return f"start a run of {self.task.name} ({len(self.files)} files)"


class RunAccepted(Message):
    """The run is made, and its process started."""

    type: Literal["run_accepted"] = "run_accepted"
    folder: str
    """Where it is on the graph server's disk."""

    def headline(self) -> str:
        return f"the graph server keeps this run, in {self.folder}"


class ListRuns(Message):
    """To the graph server: which runs are there?"""

    type: Literal["list_runs"] = "list_runs"


class RunRow(Part):
    """One run in one row. Figures are None where the run has not got to them."""

    run: str
    task: str | None = None
    goal: str | None = None
    state: str
    begun: str | None = None
    floor: float | None = None
    dev: float | None = None
    test: float | None = None
    target: float | None = None
    experiments: int = 0
    seconds: float | None = None
    final_model: str | None = None


class RunList(Message):
    """The runs that a graph server keeps, oldest first."""

    type: Literal["run_list"] = "run_list"
    runs: tuple[RunRow, ...]

    def headline(self) -> str:
        return f"{len(self.runs)} runs"
