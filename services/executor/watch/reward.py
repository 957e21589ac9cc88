"""Reward collapse in GRPO: the reward falls far below its own best and stays there, or no group has anything to learn.

Figures by TRL's GRPOTrainer (https://huggingface.co/docs/trl/grpo_trainer#logged-metrics): `reward` is the mean over
the batch, `frac_reward_zero_std` the share of groups in which all rewards are alike.
"""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass, replace

from services.executor.job.events import Event, Metric
from services.executor.watch.alarm import Alarm, Streak, Tick, kill_or_alert
from services.executor.watch.thresholds import Thresholds


@dataclass(frozen=True)
class RewardFall:
    """The rewards of the last logs, and mean and deviation of the best window so far."""

    streak: Streak
    window: int
    drop: float
    deviations: float
    rewards: tuple[float, ...] = ()
    best: float | None = None
    spread: float = 0.0

    @classmethod
    def of(cls, thresholds: Thresholds) -> RewardFall:
        streak = Streak(*thresholds.reward_logs)
        return cls(streak, thresholds.reward_window, thresholds.reward_drop, thresholds.reward_deviations)

    def see(self, event: Event | Tick, at: float) -> tuple[RewardFall, Alarm | None]:
        reward = event.values.get("reward") if isinstance(event, Metric) else None
        if reward is None or not math.isfinite(reward):
            return self, None
        assert isinstance(event, Metric)
        seen = replace(self, rewards=(*self.rewards, reward)[-self.window :])
        if len(seen.rewards) < self.window:
            return seen, None
        mean = statistics.fmean(seen.rewards)
        if self.best is None or mean >= self.best:
            spread = statistics.pstdev(seen.rewards)
            return replace(seen, best=mean, spread=spread, streak=self.streak.over()), None
        limit = self.best - max(self.drop * abs(self.best), self.deviations * self.spread)
        if mean >= limit:
            return replace(seen, streak=self.streak.over()), None
        streak, kill = self.streak.bad()
        evidence = (
            f"mean reward of {self.window} logs {mean:.4g} at step {event.step}, below {limit:.4g} "
            f"for {streak.level:.0f} logs (best {self.best:.4g})"
        )
        return replace(seen, streak=streak), kill_or_alert("reward_collapse", evidence, kill)


@dataclass(frozen=True)
class NothingToLearn:
    """In how many logs in a row no group had two unlike rewards."""

    streak: Streak
    first: float | None = None
    """The first reward: one that is alike everywhere but has risen is a task that is solved."""

    @classmethod
    def of(cls, thresholds: Thresholds) -> NothingToLearn:
        return cls(Streak(*thresholds.zero_std_logs))

    def see(self, event: Event | Tick, at: float) -> tuple[NothingToLearn, Alarm | None]:
        reward = event.values.get("reward") if isinstance(event, Metric) else None
        alike = event.values.get("frac_reward_zero_std") if isinstance(event, Metric) else None
        if reward is None or alike is None or not math.isfinite(reward):
            return self, None
        assert isinstance(event, Metric)
        seen = replace(self, first=reward if self.first is None else self.first)
        if alike < 1.0:
            return replace(seen, streak=self.streak.over()), None
        streak, kill = self.streak.bad()
        assert seen.first is not None
        if kill is None or (kill and reward > seen.first):
            return replace(seen, streak=streak), None
        evidence = (
            f"all rewards of every group alike in {streak.level:.0f} logs in a row, reward {reward:.4g} "
            f"at step {event.step} (first {seen.first:.4g})"
        )
        return replace(seen, streak=streak), Alarm("reward_collapse", evidence, kill)
