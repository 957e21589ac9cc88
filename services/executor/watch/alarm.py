"""What a rule sees and what it raises. The rules are pure: each is a frozen memory whose `see` gives the next one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol, Self

from protocol.job import Category
from services.executor.job.events import Event
from services.executor.watch.usage import Usage


@dataclass(frozen=True)
class Alarm:
    """A rule that fired: an alert, or with `kill` the end of the job."""

    rule: Category
    evidence: str
    """In figures."""
    kill: bool = False


def kill_or_alert(rule: Category, evidence: str, kill: bool | None) -> Alarm | None:
    """The alarm of a streak's verdict."""
    return None if kill is None else Alarm(rule, evidence, kill)


@dataclass(frozen=True)
class Tick:
    """A second has passed; what the job used of the machine in it, where the backend can tell."""

    usage: Usage | None = None


class Rule(Protocol):
    """One thing that goes wrong with jobs."""

    def see(self, event: Event | Tick, at: float) -> tuple[Self, Alarm | None]:
        """The memory after this event, at `at` on a monotonic clock in seconds, and the alarm if it raises one."""
        ...


@dataclass(frozen=True)
class Streak:
    """How far something bad has gone on, in logs or in seconds: at `alert` it is told once, at `kill` the job ends."""

    alert: float
    kill: float
    level: float = 0.0
    told: int = 0
    """1: the alert, 2: the kill too."""

    def at(self, level: float) -> tuple[Self, bool | None]:
        """The streak at this level, and what it raises: None nothing, False an alert, True a kill; each once. A level
        that reaches both at once is told first, and kills when it is seen again."""
        if level < self.alert:
            return replace(self, level=level, told=0), None
        told = self.told + (self.told == 0 or (self.told == 1 and level >= self.kill))
        return replace(self, level=level, told=told), None if told == self.told else told == 2

    def bad(self) -> tuple[Self, bool | None]:
        """One more in a row."""
        return self.at(self.level + 1)

    def over(self) -> Self:
        """It has stopped."""
        return replace(self, level=0.0, told=0)
