"""The task as the user gave it, and the message that opens a run with it."""

from __future__ import annotations

import re
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, field_validator, model_validator

from protocol.message import Message, Part

_UNIT_SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_DURATION = re.compile(r"^\s*(\d+(?:\.\d+)?)\s*([smhd]?)\s*$")
Track = Literal["trackio", "wandb", "both", "none"]
"""Where the jobs of a run are tracked."""
BUILT_IN_METRICS = ("exact_match", "numeric", "multiple_choice")


def seconds(value: object) -> object:
    """`"5m"`, `"10h"`, `"90s"`, `"2d"` or a plain number, as seconds."""
    if isinstance(value, str):
        found = _DURATION.match(value)
        if not found:
            raise ValueError(f"{value!r} is not a duration: write 90s, 5m, 10h or 2d")
        return float(found[1]) * _UNIT_SECONDS[found[2] or "s"]
    return value


Seconds = Annotated[float, BeforeValidator(seconds), Field(gt=0)]


class Source(Part):
    """Where rows come from: exactly one of `file`, `dataset`, `generator` (a `file` beside a `dataset`
    names the file that holds the same rows inside the folder given by `--data`)."""

    file: str | None = None
    """Local CSV, JSONL, JSON or Parquet file; relative to the task file, or to `--data DIR`."""
    dataset: str | None = None
    """A dataset's id on the Hugging Face Hub."""
    split: str = "train"
    config: str | None = None
    generator: str | None = None
    """A Python script, run as `python SCRIPT ARGS…`, that writes JSONL to its standard output."""
    args: tuple[str, ...] = ()
    sample: Annotated[int, Field(gt=0)] | None = None
    """Take a seeded sample of so many rows."""
    seed: int = 0

    @model_validator(mode="after")
    def _one_origin(self) -> Self:
        if not (self.file or self.dataset or self.generator):
            raise ValueError("a source needs one of `file`, `dataset` or `generator`")
        if self.generator and (self.file or self.dataset):
            raise ValueError("a source has either a `generator` or a `file`/`dataset`, not both")
        return self


class DataSource(Source):
    """A candidate source of training rows."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]+$")]
    license: str | None = None


class EvalPlan(Part):
    """The two held-out splits: the crew works with `dev`; `test` is read once, by the scorer."""

    dev: Source
    test: Source


class Budget(Part):
    """What a run may spend."""

    time: Seconds = 600.0
    """Seconds, or text such as `5m`; verify and report included."""
    tokens: Annotated[int, Field(gt=0)] | None = None
    """Of language models, prompts and replies together; then the playbook goes on alone."""
    usd: Annotated[float, Field(gt=0)] | None = None
    """Of language models, by the price table."""


class Compute(Part):
    """What the jobs of a run need."""

    queue: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+$")] = "default"
    gpus: Annotated[int, Field(ge=0)] = 0
    """0: the CPU."""
    kind: Annotated[str, Field(pattern=r"^[a-z0-9-]+$")] | None = None
    """A word of the GPU's name: `h100`, `a100`, `h200`."""
    min_memory_gb: Annotated[float, Field(gt=0)] | None = None
    """Memory that a job takes on each GPU, which it then may share; without it, it has its GPUs to itself."""
    memory_gb: Annotated[float, Field(gt=0)] | None = None
    """Limit on a job's host memory."""
    backend: Literal["auto", "local", "ray", "slurm", "hf_jobs"] = "auto"
    """What runs the jobs; `auto`: this machine where they fit, else what is set up."""


class Task(Part):
    """One task file. Templates are `str.format` templates over a row's columns."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]+$")]
    goal: str
    base_model: str
    prompt: str
    answer: str
    metric: str = "exact_match"
    data: Annotated[tuple[DataSource, ...], Field(min_length=1)]
    eval: EvalPlan
    target: Annotated[float, Field(gt=0, le=1)] | None = None
    budget: Budget = Budget()
    compute: Compute = Compute()

    def within(self, budget: float | None) -> Task:
        """The same task, to be done in `budget` seconds; in its own time when None."""
        if budget is None:
            return self
        return self.model_copy(update={"budget": self.budget.model_copy(update={"time": budget})})

    @field_validator("metric")
    @classmethod
    def _known_metric(cls, value: str) -> str:
        if value in BUILT_IN_METRICS or re.match(r"^python:[\w./-]+:\w+$", value) or value.startswith("command:"):
            return value
        raise ValueError(
            f"{value!r} is not a metric: use {', '.join(BUILT_IN_METRICS)}, python:module:function or command:…"
        )

    @model_validator(mode="after")
    def _names_are_unique(self) -> Self:
        names = [source.name for source in self.data]
        if len(set(names)) != len(names):
            raise ValueError(f"the names of the data sources repeat: {', '.join(names)}")
        return self


class Choices(Part):
    """How a run is to be done, whatever its task; a run that is resumed goes on as it began. Each is in the `Brief`."""

    seed: int = 0
    track: Track = "trackio"
    artifacts: str | None = None
    """URL of the artifact store, where workers do not see the run's disk."""
    models: tuple[str, ...] = ()
    """`role=provider/model`, `default=playbook`: which minds the roles have; empty: the playbook."""
    require_llm: bool = False
    """Fail rather than let the playbook answer for a model that cannot."""


class Brief(Message):
    """Opens a run: the task, its folder on disk, and where its names lead."""

    type: Literal["brief"] = "brief"
    task: Task
    folder: str
    """Absolute path of the run's folder."""
    task_folder: str
    """Absolute path that relative names in the task refer to."""
    data_folder: str | None = None
    """What `--data` gave."""
    seed: int = 0
    track: Track = "trackio"
    artifacts: str | None = None
    """URL of the artifact store, where workers do not see this disk."""
    models: tuple[str, ...] = ()
    """`role=provider/model`, `default=playbook`: which minds the roles have; empty: the playbook."""
    require_llm: bool = False
    """Fail rather than let the playbook answer for a model that cannot."""

    def headline(self) -> str:
        goal = f"target {self.task.target:.2f}" if self.task.target else "as good as it gets"
        return f"{self.task.goal} ({self.task.metric}, {goal}, {self.task.budget.time:.0f} s)"
