"""Which job is taken next: priority, fair share between runs, and no job that waits for ever. Pure.

Called by the worker with all lanes of its queue and with what runs on its own machine.

- Priority 9 goes before 0; a lane gains one step for each `AGING` seconds that none of its jobs is taken.
- Within one step the run that has least under way, on all workers together and weighted by GPUs, is served first
  (max-min fairness, Bertsekas and Gallager, Data Networks, 6.5.2); between equals the one served longest ago.
- A job that fits the machine but not now is overtaken by others for `PATIENCE` seconds. From then on the machine is
  reserved for it: only what cannot delay it is still taken (EASY backfilling, Lifka 1995, for one job at a time).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from protocol.job import Needs
from protocol.lane import Lane
from protocol.message import Part
from services.executor.inventory.machine import Grant, Machine
from services.executor.inventory.placement import Placed, fits, place

AGING = 300.0
"""Seconds of waiting that are worth one step of priority: 0 overtakes a stream of 9s after 45 minutes."""
PATIENCE = 60.0
"""Seconds for which smaller jobs may overtake one that does not fit now."""


class LaneState(Part):
    """A lane at one moment."""

    lane: Lane
    waiting: int
    running: int
    """Jobs that are with workers, all workers together."""
    since: float = 0.0
    """Unix time since when jobs wait and none of them is taken."""
    served: float = 0.0
    """Unix time at which a job was last taken from it."""


class Choice(Part):
    """A lane to take the next job of, and the place for it."""

    lane: Lane
    grant: Grant


class _Reservation(Part):
    """What is kept for a job, and which jobs will still run when it gets it."""

    needs: Needs
    grant: Grant
    beside: tuple[Placed, ...]


def choose(
    machine: Machine, slots: int | None, running: Sequence[Placed], lanes: Iterable[LaneState], now: float
) -> Choice | None:
    """The lane to serve now, or None when nothing waits that can be started."""
    reservation: _Reservation | None = None
    for state in order(lanes, now):
        needs = state.lane.needs
        grant = _placed(machine, slots, running, state, reservation)
        if grant is not None:
            return Choice(lane=state.lane, grant=grant)
        if reservation is None and now - state.since > PATIENCE and fits(machine, slots, needs):
            reservation = _reserve(machine, slots, running, needs)
    return None


def order(lanes: Iterable[LaneState], now: float) -> list[LaneState]:
    """The lanes in which a job waits, first come those to be served first."""
    known = list(lanes)
    under_way: dict[str, int] = defaultdict(int)
    served: dict[str, float] = defaultdict(float)
    for state in known:
        run = state.lane.run
        under_way[run] += state.running * max(1, state.lane.needs.gpus)
        served[run] = max(served[run], state.served)

    def rank(state: LaneState) -> tuple[int, int, float, float, float, str]:
        step = state.lane.priority + int(max(0.0, now - state.since) / AGING)
        run = state.lane.run
        return -step, under_way[run], served[run], state.served, state.since, state.lane.filter

    return sorted((state for state in known if state.waiting), key=rank)


def unservable(machine: Machine, slots: int | None, lanes: Iterable[LaneState]) -> list[LaneState]:
    """The lanes in which jobs wait that this machine could not run even if it were empty."""
    return [state for state in lanes if state.waiting and not fits(machine, slots, state.lane.needs)]


def _placed(
    machine: Machine, slots: int | None, running: Sequence[Placed], state: LaneState, kept: _Reservation | None
) -> Grant | None:
    """A place for a job of the lane that does not delay the job that something is kept for."""
    needs = state.lane.needs
    if kept is None:
        return place(machine, slots, running, needs)
    grant = place(machine, slots, running, needs, without={gpu.uuid for gpu in kept.grant.gpus})
    if grant is None:
        return None
    then = [*kept.beside, Placed(needs=needs, grant=grant)]
    return grant if place(machine, slots, then, kept.needs) is not None else None


def _reserve(machine: Machine, slots: int | None, running: Sequence[Placed], needs: Needs) -> _Reservation:
    """Let the jobs that run end one by one, the soonest first, until there is room."""
    left = sorted(running, key=lambda placed: placed.ends)
    while (grant := place(machine, slots, left, needs)) is None:
        left.pop(0)
    return _Reservation(needs=needs, grant=grant, beside=tuple(left))
