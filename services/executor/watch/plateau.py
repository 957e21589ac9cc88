"""Plateau: the loss has stopped falling. An alert; a kill only where it is asked for."""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass, replace

from services.executor.job.events import Event, Metric
from services.executor.watch.alarm import Alarm, Streak, Tick, kill_or_alert
from services.executor.watch.thresholds import Thresholds


@dataclass(frozen=True)
class Plateau:
    """Losses of the window that is being filled, and the best mean of those before."""

    streak: Streak
    window: int
    gain: float
    losses: tuple[float, ...] = ()
    best: float | None = None

    @classmethod
    def of(cls, thresholds: Thresholds) -> Plateau:
        windows = thresholds.plateau_windows
        kill = windows + 1 if thresholds.plateau_kills else math.inf
        return cls(Streak(windows, kill), thresholds.plateau_window, thresholds.plateau_gain)

    def see(self, event: Event | Tick, at: float) -> tuple[Plateau, Alarm | None]:
        if not isinstance(event, Metric) or "reward" in event.values:  # the loss of reinforcement learning is flat
            return self, None
        loss = event.values.get("loss")
        if loss is None or not math.isfinite(loss):
            return self, None
        losses = (*self.losses, loss)
        if len(losses) < self.window:
            return replace(self, losses=losses), None
        mean = statistics.fmean(losses)
        if self.best is None or mean < self.best - self.gain * abs(self.best):
            return replace(self, streak=self.streak.over(), losses=(), best=mean), None
        streak, kill = self.streak.bad()
        evidence = (
            f"mean loss {mean:.4g} at step {event.step}: {streak.level:.0f} windows of {self.window} logs without "
            f"an improvement of {self.gain:.1%} on {self.best:.4g}"
        )
        return replace(self, streak=streak, losses=()), kill_or_alert("plateau", evidence, kill)
