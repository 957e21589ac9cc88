"""The task as the user gave it, and the message that opens a run with it."""

from __future__ import annotations

import re
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, ValidationInfo, field_validator, model_validator
from pydantic_core import PydanticCustomError

from protocol.benchmark import Benchmark, has_own_items, kind_of, name_fault, settings_fault
from protocol.crew import Crew, CrewPlan
from protocol.duration import Seconds
from protocol.item_origin import ItemOrigins
from protocol.message import Message, Part

Track = Literal["trackio", "wandb", "both", "none"]
"""Where the jobs of a run are tracked."""
BUILT_IN_METRICS = ("exact_match", "numeric", "multiple_choice")


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
    origin: ItemOrigins = ()
    """Where the rows of a `file` or a `generator` were taken from: of a held-out split minds see nothing there."""

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


class MindBudget(Part):
    """What one role may spend on its language model; then its playbook goes on alone. None: no limit of its own."""

    time: Seconds | None = None
    """Of thinking, tools included."""
    tokens: Annotated[int, Field(gt=0)] | None = None
    usd: Annotated[float, Field(gt=0)] | None = None
    tool_calls: Annotated[int, Field(gt=0)] | None = None


class Budget(Part):
    """What a run may spend."""

    time: Seconds = 600.0
    """Seconds, or text such as `5m`; verify and report included."""
    tokens: Annotated[int, Field(gt=0)] | None = None
    """Of language models, prompts and replies together; then the playbook goes on alone."""
    usd: Annotated[float, Field(gt=0)] | None = None
    """Of language models, by the price table."""
    tool_calls: Annotated[int, Field(gt=0)] | None = None
    """Of language models, `submit` not counted."""
    roles: dict[str, MindBudget] = {}
    """What single roles may spend of it."""


_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)+")
_VERSIONS = r"(===|==|~=|!=|<=|>=|<|>)\s*[A-Za-z0-9.*+!_-]+"
_REQUIREMENT = re.compile(
    rf"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?(\[[A-Za-z0-9._, -]+\])?\s*({_VERSIONS}(\s*,\s*{_VERSIONS})*)?"
)
"""A name with versions, of what pip can be told (https://packaging.python.org/en/latest/specifications/
dependency-specifiers/): no option, path or URL, of which pip would build, and so run, what it found there."""


def _host(value: str) -> str:
    if not _HOST.fullmatch(value):
        raise ValueError(
            f"{value!r} is not the name of a host: write e.g. huggingface.co, without https://, port or path"
        )
    return value.lower()


def _requirement(value: str) -> str:
    if not _REQUIREMENT.fullmatch(value):
        raise ValueError(f"{value!r} is not a package with versions: write e.g. bitsandbytes==0.48")
    return value


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
    disk_gb: Annotated[float, Field(gt=0)] = 200.0
    """Limit on what stands in a job's folder."""
    backend: Literal["auto", "local", "ray", "slurm", "hf_jobs"] = "auto"
    """What runs the jobs; `auto`: this machine where they fit, else what is set up."""
    launch: Literal["auto", "python", "ddp", "fsdp"] = "auto"
    """How a job of several GPUs is started: `ddp` and `fsdp` by `accelerate launch`, one process a GPU; `python`: as
    one process. `auto`: by DDP, or FSDP where the model with its optimizer does not fit one GPU."""
    priority: Annotated[int, Field(ge=0, le=9)] = 5
    """Of the run's jobs among those of others in the queue: 9 before 0."""
    hosts: Annotated[tuple[Annotated[str, AfterValidator(_host)], ...], Field(max_length=32)] = ()
    """What the jobs may reach in the internet, on ports 443 and 80; they have no network beside."""
    requirements: Annotated[tuple[Annotated[str, AfterValidator(_requirement)], ...], Field(max_length=64)] = ()
    """Packages that the jobs have beyond the executor's own, in an environment that is made once and kept."""

    @model_validator(mode="after")
    def _several_processes(self) -> Self:
        if self.launch in ("ddp", "fsdp") and self.gpus == 1:  # without a GPU it is two processes, to try it out
            raise ValueError(f"launch is {self.launch}, which starts one process a GPU, and gpus is 1: write 2 or more")
        return self


class Task(Part):
    """One task file. Templates are `str.format` templates over a row's columns."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]+$")]
    goal: str
    base_model: str
    prompt: str
    answer: str
    metric: str = "exact_match"
    data: Annotated[tuple[DataSource, ...], Field(min_length=1)]
    eval: Annotated[EvalPlan | None, Field(validate_default=True)] = None
    """None where the items come with the metric, which is a benchmark."""
    benchmark: Benchmark = Benchmark()
    target: Annotated[float, Field(gt=0, le=1)] | None = None
    budget: Budget = Budget()
    compute: Compute = Compute()
    crew: CrewPlan = CrewPlan()

    def within(self, budget: float | None) -> Task:
        """The same task, to be done in `budget` seconds; in its own time when None."""
        if budget is None:
            return self
        return self.model_copy(update={"budget": self.budget.model_copy(update={"time": budget})})

    @field_validator("metric")
    @classmethod
    def _known_metric(cls, value: str) -> str:
        if value in BUILT_IN_METRICS or re.match(r"^python:[\w./-]+:\w+$", value):
            return value
        if kind_of(value) or value.startswith("grader:"):
            told = name_fault(value)
            if told:
                raise ValueError(told)
            return value
        raise ValueError(
            f"{value!r} is not a metric: use {', '.join(BUILT_IN_METRICS)}, python:module:function, grader:…, "
            "lm_eval:TASK, inspect:TASK or command:…"
        )

    @field_validator("eval")
    @classmethod
    def _held_out_where_needed(cls, value: EvalPlan | None, info: ValidationInfo) -> EvalPlan | None:
        metric = info.data.get("metric")
        if value is None and metric is not None and not has_own_items(metric):
            raise PydanticCustomError("missing", "Field required")
        if value is not None and metric is not None and has_own_items(metric):
            raise ValueError(f"the items of {metric} come with it: take eval out, and say under benchmark what is dev")
        return value

    @field_validator("benchmark")
    @classmethod
    def _fits_the_metric(cls, value: Benchmark, info: ValidationInfo) -> Benchmark:
        told = settings_fault(info.data["metric"], value) if "metric" in info.data else None
        if told:
            raise ValueError(told)
        return value

    @model_validator(mode="after")
    def _names_are_unique(self) -> Self:
        names = [source.name for source in self.data]
        if len(set(names)) != len(names):
            raise ValueError(f"the names of the data sources repeat: {', '.join(names)}")
        return self


_FIELD = re.compile(rf"^(?:{'|'.join(Task.model_fields)}):(?:\s|$)", re.MULTILINE)


def is_task_text(words: str) -> bool:
    """Whether this is the text of a task file, or a line of one, and not a wish, which may have several lines too."""
    return _FIELD.search(words) is not None


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


class Fork(Part):
    """Where a run begins that was forked from another."""

    parent: str
    sequence: int
    """Of the parent's journal: all up to there was said in this run too."""
    root: str
    """The run that the ids of questions are made from: thus what was answered up to there is found."""


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
    crew: Crew = Crew()
    """Who takes part, and where each stands."""
    fork: Fork | None = None
    """None for a run that began by itself."""

    def headline(self) -> str:
        goal = f"target {self.task.target:.2f}" if self.task.target else "as good as it gets"
        return f"{self.task.goal} ({self.task.metric}, {goal}, {self.task.budget.time:.0f} s)"
