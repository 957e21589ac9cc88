"""KL blow-up in GRPO: the policy runs away from the model it started from. TRL logs `kl` where `beta` is not 0."""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass, replace

from services.executor.job.events import Event, Metric
from services.executor.watch.alarm import Alarm, Streak, Tick, kill_or_alert
from services.executor.watch.thresholds import Thresholds


@dataclass(frozen=True)
class KlBlowUp:
    """The divergence in the logs before it rose, in nats a token."""

    streak: Streak
    floor: float
    factor: float
    window: int
    calm: tuple[float, ...] = ()

    @classmethod
    def of(cls, thresholds: Thresholds) -> KlBlowUp:
        return cls(Streak(*thresholds.kl_logs), thresholds.kl_floor, thresholds.kl_factor, thresholds.kl_window)

    def see(self, event: Event | Tick, at: float) -> tuple[KlBlowUp, Alarm | None]:
        kl = event.values.get("kl") if isinstance(event, Metric) else None
        if kl is None or math.isnan(kl):
            return self, None
        assert isinstance(event, Metric)
        # what rises within its first logs has no usual: these are part of the rise
        usual = statistics.median(self.calm) if len(self.calm) >= self.window // 2 else 0.0
        limit = max(self.floor, self.factor * usual)
        if kl <= limit:
            return replace(self, streak=self.streak.over(), calm=(*self.calm, kl)[-self.window :]), None
        streak, kill = self.streak.bad()
        evidence = (
            f"KL {kl:.4g} nats a token at step {event.step}, {streak.level:.0f} logs in a row above {limit:.4g} "
            f"(usually {usual:.4g})"
        )
        return replace(self, streak=streak), kill_or_alert("kl_blow_up", evidence, kill)
