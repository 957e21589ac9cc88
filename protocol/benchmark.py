"""What a task says about a benchmark: a metric that prompts, decodes and scores by itself.

Read from the task file (`benchmark:`) by the scorer; docs/metrics.md tells people.
"""

from __future__ import annotations

import re
import shlex
from typing import Annotated, Literal

from pydantic import Field

from protocol.duration import Seconds
from protocol.item_origin import ItemOrigins
from protocol.message import Part

Kind = Literal["lm_eval", "inspect", "command"]
_TASK_NAMES = {
    "lm_eval": re.compile(r"lm_eval:\w[\w.,+-]*"),
    "inspect": re.compile(r"inspect:[\w.][\w./-]*(@\w+)?"),
}


class Benchmark(Part):
    """How a benchmark's items become dev and test, and what of its settings is not as it says itself."""

    dev: str | None = None
    """Another benchmark of the same kind, whose items are dev; else dev is a part of this one."""
    dev_split: str | None = None
    """lm_eval: dev is this split of the task's own dataset."""
    dev_share: Annotated[float, Field(gt=0, lt=1)] = 0.5
    """Share of the items that become dev, where dev is a part of the benchmark itself."""
    dev_sample: Annotated[int, Field(gt=0)] | None = None
    """At most so many dev items."""
    seed: int = 0
    """Of the division and the sample."""
    score: str | None = None
    """Which of its metrics counts; else its first."""
    shots: Annotated[int, Field(ge=0)] | None = None
    """lm_eval's num_fewshot; else as the task says."""
    chat: bool = False
    """lm_eval: prompts pass through the model's chat template."""
    args: dict[str, str | int | float | bool] = {}
    """Arguments of an Inspect task."""
    env: tuple[Annotated[str, Field(pattern=r"^[A-Za-z_]\w*$")], ...] = ()
    """Environment variables that it is given, beside those that every program needs."""
    time: Seconds = 3600.0
    """Limit on one evaluation."""
    origin: ItemOrigins = ()
    """Where its items were taken from, besides what the harness itself says: minds see nothing of the test there."""


ONLY_FOR: dict[str, tuple[Kind, ...]] = {
    **dict.fromkeys(("dev", "dev_share", "dev_sample", "seed", "score", "origin"), ("lm_eval", "inspect")),
    **dict.fromkeys(("dev_split", "shots", "chat"), ("lm_eval",)),
    "args": ("inspect",),
}
"""Settings that not every kind of benchmark has."""


def kind_of(metric: str) -> Kind | None:
    """The kind of benchmark that a metric is; None where postdocs itself prompts the model and scores each answer."""
    begin = metric.partition(":")[0]
    return begin if begin in ("lm_eval", "inspect", "command") else None  # type: ignore[return-value]


def has_own_items(metric: str) -> bool:
    """Whether the items come with the benchmark, so that the task has no `eval`."""
    return kind_of(metric) in _TASK_NAMES


def name_fault(metric: str) -> str | None:
    """What is wrong with a metric that names a benchmark or a program; None where nothing is."""
    begin, _, rest = metric.partition(":")
    if begin in _TASK_NAMES:
        example = "lm_eval:gsm8k" if begin == "lm_eval" else "inspect:my_task.py@name"
        return None if _TASK_NAMES[begin].fullmatch(metric) else f"{metric!r} names no task: write e.g. {example}"
    try:
        words = shlex.split(rest)
    except ValueError as error:
        return f"{metric!r} is no command ({error}): mend the quotes"
    return None if words else f"{metric!r} names no command: write e.g. {begin}:python score.py"


def settings_fault(metric: str, settings: Benchmark) -> str | None:
    """What does not fit between a task's `metric` and its `benchmark`; None where nothing is wrong."""
    kind = kind_of(metric)
    if kind is None and settings == Benchmark():  # a task that is read back holds the defaults
        return None
    if kind is None:
        return f"it is for metrics that are benchmarks (lm_eval:…, inspect:…, command:…), not for {metric}: take it out"
    said = (name for name in Benchmark.model_fields if getattr(settings, name) != getattr(Benchmark(), name))
    for name in said:
        if kind not in ONLY_FOR.get(name, (kind,)):
            return f"{name!r} is not for {kind} (it is for {', '.join(ONLY_FOR[name])}): take it out"
    if settings.dev is not None:
        if kind_of(settings.dev) != kind:
            return f"dev is {settings.dev!r}, and must be of the same kind as the metric: write e.g. {kind}:my_dev"
        if settings.dev_split is not None:
            return "either dev or dev_split, not both: take one out"
        return name_fault(settings.dev)
    return None
