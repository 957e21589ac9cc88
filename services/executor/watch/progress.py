"""No progress: a training that makes no step any more. It hangs, in a deadlock, a collective or a dead disk."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, replace

from services.executor.job.events import Event, Metric, Pulse, TrainBegan, TrainEnded
from services.executor.watch.alarm import Alarm, Streak, Tick
from services.executor.watch.thresholds import Thresholds

STEPS_REMEMBERED = 32


@dataclass(frozen=True)
class Progress:
    """When the training last showed life, while it trains; and how long its steps usually take."""

    thresholds: Thresholds
    streak: Streak
    alive_at: float | None = None
    """None: it does not train. Loading and saving are bounded by the time limit."""
    step: int = 0
    stepped_at: float = 0.0
    usual: tuple[float, ...] = ()
    """Seconds of the last steps."""
    saves: bool = False

    @classmethod
    def of(cls, thresholds: Thresholds) -> Progress:
        return cls(thresholds, Streak(1.0, thresholds.no_progress_kill))

    def see(self, event: Event | Tick, at: float) -> tuple[Progress, Alarm | None]:
        if isinstance(event, TrainBegan):
            return replace(Progress.of(self.thresholds), alive_at=at, stepped_at=at, step=event.step), None
        if isinstance(event, TrainEnded):
            return Progress.of(self.thresholds), None
        if self.alive_at is None:
            return self, None
        if isinstance(event, Pulse | Metric):
            saves = event.saves if isinstance(event, Pulse) else self.saves  # figures are logged before it saves
            return replace(self._stepped(event.step, at), saves=saves), None
        return self._waited(at) if isinstance(event, Tick) else (self, None)

    def _stepped(self, step: int, at: float) -> Progress:
        alive = replace(self, alive_at=at, streak=self.streak.over())
        if step <= self.step:  # a part of a step, or of an evaluation
            return alive
        seconds = (at - self.stepped_at) / (step - self.step)
        return replace(alive, step=step, stepped_at=at, usual=(*self.usual, seconds)[-STEPS_REMEMBERED:])

    def _waited(self, at: float) -> tuple[Progress, Alarm | None]:
        assert self.alive_at is not None
        quiet, allowed = at - self.alive_at, self._allowed()
        streak, kill = self.streak.at(quiet / allowed)
        if kill is None:
            return replace(self, streak=streak), None
        usual = f"one usually takes {statistics.median(self.usual):.3g} s" if self.usual else "there was none yet"
        evidence = f"no step for {quiet:.0f} s after step {self.step} ({usual}; {allowed:.0f} s are allowed)"
        return replace(self, streak=streak), Alarm("no_progress", evidence, kill)

    def _allowed(self) -> float:
        """Seconds without a step before it is told."""
        if not self.usual or self.saves:
            return self.thresholds.first_step_seconds
        return max(self.thresholds.step_seconds, self.thresholds.step_factor * statistics.median(self.usual))
