"""What the Engineer's parts hand to each other: a strategy's interface, and the view of the past that it plans on."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Protocol

from protocol.experiment import AbortCriterion, Entry, Experiment, ProposeRequest, Value
from protocol.job import JobSpec
from protocol.score import Score
from tools.sizing import architecture, lookup
from tools.sizing.architecture import Architecture

Recipe = dict[str, Value]
DEAD = ("failed", "killed", "cancelled")


@dataclass(frozen=True)
class Range:
    """A number to be searched; `log` on a logarithmic scale."""

    low: float
    high: float
    log: bool = False


Space = dict[str, Range | tuple[Value, ...]]
"""Name → range, or the values to choose from."""


@dataclass(frozen=True)
class View:
    """The request, and what follows from it."""

    request: ProposeRequest

    @property
    def parameters(self) -> float:
        """Of the base model; a small model's count where nobody knows it."""
        known = self.request.model.parameters or (architecture.parameters(self.shape) if self.shape else None)
        return float(known or 1_000_000)

    @cached_property
    def shape(self) -> Architecture | None:
        """Of the base model; None where its config is not on this machine, or of a family that is not known."""
        config = lookup.nearby(self.request.base_model, Path(self.request.task_folder))
        try:
            return architecture.read(config) if config is not None else None
        except architecture.Unsized:
            return None

    @property
    def training_seconds(self) -> float:
        """All the device time of the run: what jobs have taken and what is left for them."""
        used = sum(entry.seconds or entry.experiment.seconds for entry in self.entries if entry.status not in DEAD)
        return used + self.request.digest.seconds_left

    @property
    def entries(self) -> tuple[Entry, ...]:
        return self.request.digest.entries

    @cached_property
    def by_id(self) -> dict[str, Entry]:
        return {entry.experiment.id: entry for entry in self.entries}

    def of(self, strategy: str) -> list[Entry]:
        return [entry for entry in self.entries if entry.experiment.strategy == strategy]

    def number(self, strategy: str) -> int:
        """The next free number of a strategy's experiments."""
        taken = [int(entry.experiment.id.rsplit("-", 1)[1]) for entry in self.of(strategy)]
        return max(taken, default=0) + 1

    @property
    def incumbent(self) -> Entry | None:
        """The trained model that ships now; None while it is the untouched base."""
        return self.by_id.get(self.request.digest.incumbent or "")

    @property
    def best(self) -> Score | None:
        return self.request.digest.incumbent_score

    def weights(self, parent: str | None) -> str:
        """Folder or id of the weights that an experiment starts from."""
        if parent is None:
            return self.request.base_model
        entry = self.by_id[parent]
        return entry.model or f"{self.request.folder}/jobs/{parent}/model"


class StrategyPlan(Protocol):
    """One way of making the model better. Numbers are left to the search inside `space`."""

    name: str
    needs: str
    """What it is good for, in a few words."""
    abort: AbortCriterion
    starts_from_incumbent: bool
    bottom_jobs: int
    """Experiments on the first rung."""
    bottom_share: float
    """Share of all training time that each of them gets."""

    def unfit(self, view: View) -> str | None:
        """Why it cannot be used here, or None."""
        ...

    def first(self, view: View) -> Recipe:
        """The recipe to begin with: what is known to work."""
        ...

    def space(self, view: View) -> Space:
        """What the search may change."""
        ...

    def job(self, view: View, experiment: Experiment) -> JobSpec | None:
        """The job that carries an experiment out; None where nothing has to be trained."""
        ...
