"""NaN and Inf in the loss."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from services.executor.job.events import Event, Metric
from services.executor.watch.alarm import Alarm, Streak, Tick, kill_or_alert
from services.executor.watch.thresholds import Thresholds


@dataclass(frozen=True)
class NotANumber:
    """The loss is no number, and what it was first: a Trainer's running loss that was Inf once is NaN ever after."""

    streak: Streak
    first: str = ""

    @classmethod
    def of(cls, thresholds: Thresholds) -> NotANumber:
        return cls(Streak(*thresholds.nan_logs))

    def see(self, event: Event | Tick, at: float) -> tuple[NotANumber, Alarm | None]:
        loss = event.values.get("loss") if isinstance(event, Metric) else None
        if loss is None:
            return self, None
        assert isinstance(event, Metric)
        if math.isfinite(loss):
            return replace(self, streak=self.streak.over(), first=""), None
        streak, kill = self.streak.bad()
        norm = event.values.get("grad_norm")
        beside = "" if norm is None else f", gradient norm {norm:.4g}"
        now = f"loss is {loss} at step {event.step}{beside}"
        evidence = f"{self.first}; {now}" if self.first else now
        return replace(self, streak=streak, first=self.first or now), kill_or_alert("nan", evidence, kill)
