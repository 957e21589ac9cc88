"""Divergence: the loss stays far above the lowest it has been."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from services.executor.job.events import Event, Metric
from services.executor.watch.alarm import Alarm, Streak, Tick, kill_or_alert
from services.executor.watch.thresholds import Thresholds


@dataclass(frozen=True)
class Divergence:
    """The lowest loss so far, and for how many logs it has been far above."""

    streak: Streak
    factor: float
    margin: float
    lowest: float | None = None

    @classmethod
    def of(cls, thresholds: Thresholds) -> Divergence:
        return cls(Streak(*thresholds.diverged_logs), thresholds.diverged_factor, thresholds.diverged_margin)

    def see(self, event: Event | Tick, at: float) -> tuple[Divergence, Alarm | None]:
        loss = event.values.get("loss") if isinstance(event, Metric) else None
        if loss is None or not math.isfinite(loss):
            return self, None
        assert isinstance(event, Metric)
        if self.lowest is None or loss <= self.lowest:
            return replace(self, streak=self.streak.over(), lowest=loss), None
        limit = self.factor * max(self.lowest, 0.0) + self.margin  # a policy's loss may well be negative
        if loss <= limit:
            return replace(self, streak=self.streak.over()), None
        streak, kill = self.streak.bad()
        evidence = (
            f"loss {loss:.4g} at step {event.step}, {streak.level:.0f} logs in a row above {limit:.4g} "
            f"(lowest {self.lowest:.4g})"
        )
        return replace(self, streak=streak), kill_or_alert("diverged", evidence, kill)
