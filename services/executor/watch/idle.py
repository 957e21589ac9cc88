"""Device idle: training is claimed, and the device does nothing. A GPU job that runs on the CPU, a starved loader."""

from __future__ import annotations

from dataclasses import dataclass, replace

from services.executor.job.events import Event, TrainBegan, TrainEnded
from services.executor.watch.alarm import Alarm, Streak, Tick, kill_or_alert
from services.executor.watch.thresholds import Thresholds


@dataclass(frozen=True)
class Idle:
    """Since when the device has had nothing to do, while the job trains."""

    streak: Streak
    share: float
    training: bool = False
    since: float | None = None

    @classmethod
    def of(cls, thresholds: Thresholds) -> Idle:
        return cls(Streak(*thresholds.idle_seconds), thresholds.idle_share)

    def see(self, event: Event | Tick, at: float) -> tuple[Idle, Alarm | None]:
        if isinstance(event, TrainBegan | TrainEnded):
            begun = isinstance(event, TrainBegan)
            return replace(self, training=begun, since=None, streak=self.streak.over()), None
        if not self.training or not isinstance(event, Tick) or event.usage is None or event.usage.busy is None:
            return self, None
        if event.usage.busy >= self.share:
            return replace(self, since=None, streak=self.streak.over()), None
        since = at if self.since is None else self.since
        streak, kill = self.streak.at(at - since)
        evidence = f"{event.usage.device} busy {event.usage.busy:.1%} (below {self.share:.0%}) for {at - since:.0f} s"
        return replace(self, since=since, streak=streak), kill_or_alert("idle", evidence, kill)
