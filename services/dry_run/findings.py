"""What a dry run says. Printed by `postdocs run --dry-run`, as JSON with `--json`."""

from __future__ import annotations

from typing import Literal

from protocol.message import Part
from tools.sizing.fit import Fit
from tools.sizing.hours import Duration

State = Literal["ok", "unknown", "warning", "fault"]
"""`unknown`: it could not be looked at from here; `fault`: the run would not go."""


class Finding(Part):
    """One thing that was looked at."""

    name: str
    state: State
    told: str


class SourceFound(Part):
    """A source of rows, as far as it could be looked at."""

    name: str
    where: Literal["file", "generator", "hub"]
    rows: int | None = None
    """None: not counted."""
    usable: int | None = None
    """Of them with a prompt and an answer."""
    columns: tuple[str, ...] = ()
    prompt_characters: int = 0
    """Of the longest prompt, …"""
    answer_characters: int = 0
    """… and the longest answer."""


class Rung(Part):
    """Jobs of one rung of a strategy's ladder."""

    rung: int
    kind: str
    """`new`, `repeat` or `promote`."""
    jobs: int
    seconds: float
    """Of each."""


class StrategyPlan(Part):
    """A strategy, in the order in which they are tried."""

    name: str
    needs: str
    unfit: str | None = None
    """Why it is not used here; None where it is."""
    gives_up: str
    """Its abort criterion."""
    ladder: tuple[Rung, ...] = ()
    """If all the time were its own and each step gained."""


class Plan(Part):
    """What the crew would do, by its own rules."""

    floor: tuple[str, ...]
    """The ways of decoding the base that are compared."""
    training_seconds: float
    """For jobs: the budget less what is kept for the sealed test and the report, scoring not taken off."""
    strategies: tuple[StrategyPlan, ...]


class Sized(Part):
    """One strategy's job on its device."""

    strategy: str
    config: dict[str, str | int | float | bool | None]
    """Of the job as it would be queued: what its size depends on."""
    fit: Fit
    instead: str = ""
    """What would fit, where it does not."""
    one_pass: Duration | None = None
    """Over all rows; None for the CPU, and where the rows are not counted."""


class Spending(Part):
    """What a run may take."""

    hours: float
    usd_per_hour: float | None = None
    price: str
    """Where the price comes from."""
    machine_usd: float | None = None
    tokens: int | None = None
    """Limits on language models …"""
    mind_usd: float | None = None


class DryRun(Part):
    """The whole answer."""

    task: str
    could_run: bool
    findings: tuple[Finding, ...]
    sources: tuple[SourceFound, ...]
    plan: Plan
    sizes: tuple[Sized, ...]
    assumed: str
    """What the sizes take for granted where it could not be looked up."""
    spending: Spending
