"""All rules on one job. The attempt feeds it with every event of the job and with a tick each second."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from services.executor.job.events import Event
from services.executor.watch.alarm import Alarm, Rule, Tick
from services.executor.watch.divergence import Divergence
from services.executor.watch.idle import Idle
from services.executor.watch.kl import KlBlowUp
from services.executor.watch.not_a_number import NotANumber
from services.executor.watch.plateau import Plateau
from services.executor.watch.progress import Progress
from services.executor.watch.reward import NothingToLearn, RewardFall
from services.executor.watch.thresholds import Thresholds

RULES: tuple[Callable[[Thresholds], Rule], ...] = (
    NotANumber.of,
    Divergence.of,
    Plateau.of,
    Progress.of,
    Idle.of,
    RewardFall.of,
    NothingToLearn.of,
    KlBlowUp.of,
)
"""A lost rung, which takes the other jobs' curves to see, is the Experimentalist's to judge."""


@dataclass(frozen=True)
class Watch:
    """What the rules remember of one job."""

    rules: tuple[Rule, ...]

    @classmethod
    def of(cls, thresholds: Thresholds) -> Watch:
        return cls(tuple(rule(thresholds) for rule in RULES))

    def see(self, event: Event | Tick, at: float) -> tuple[Watch, list[Alarm]]:
        """The memory after this event, at `at` on a monotonic clock in seconds, and the alarms that it raises."""
        seen = [rule.see(event, at) for rule in self.rules]
        return Watch(tuple(rule for rule, _ in seen)), [alarm for _, alarm in seen if alarm is not None]
