"""Rules on a job's figures that stop it early: NaN and Inf, divergence. Pure; the worker feeds every log to `see`."""

from __future__ import annotations

import math
from dataclasses import dataclass

from services.executor.job.events import Metric

FACTOR, MARGIN, PATIENCE = 5.0, 1.0, 5
"""Diverged: the loss is above FACTOR times its running minimum plus MARGIN for PATIENCE logs in a row.
The margin keeps a loss near zero, as GRPO's is, from tripping the factor; the patience lets a spike pass."""


@dataclass(frozen=True)
class Alarm:
    """A rule that fired; the job is stopped for it."""

    rule: str
    evidence: str


@dataclass(frozen=True)
class Watch:
    """What the rules remember of one job."""

    lowest: float | None = None
    above: int = 0

    def see(self, metric: Metric) -> tuple[Watch, Alarm | None]:
        """The memory after this log, and the alarm if it raises one."""
        loss = metric.values.get("loss")
        if loss is None:
            return self, None
        if not math.isfinite(loss):
            return self, Alarm("nan", f"loss is {loss} at step {metric.step}")
        if self.lowest is None or loss <= self.lowest:
            return Watch(lowest=loss), None
        limit = FACTOR * max(self.lowest, 0.0) + MARGIN  # a policy's loss may well be negative
        if loss <= limit:
            return Watch(lowest=self.lowest), None
        above = self.above + 1
        if above < PATIENCE:
            return Watch(lowest=self.lowest, above=above), None
        evidence = (
            f"loss {loss:.4g} at step {metric.step}, {above} logs in a row above {limit:.4g} (lowest {self.lowest:.4g})"
        )
        return Watch(lowest=self.lowest, above=above), Alarm("diverged", evidence)
