"""Which job is taken next, in simulated time: priorities, fair shares, and nothing that waits for ever."""

from __future__ import annotations

import heapq
from collections import Counter
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from recorded import A100S, H100S, NONE, RECORDED
from test_placement import check_nothing_is_given_twice, machines, needs, slots

from protocol.job import Needs
from protocol.lane import Lane
from services.executor.inventory.machine import Machine
from services.executor.inventory.placement import Placed, fits
from services.executor.inventory.policy import AGING, PATIENCE, LaneState, choose, order, unservable

CPU = Needs()
START = 1e6
"""Unix time at which simulations begin."""


def lane(run: str, priority: int = 5, needs: Needs = CPU) -> Lane:
    return Lane(queue="q", priority=priority, run=run, needs=needs)


@dataclass
class Stream:
    """Jobs of one lane, always `depth` of them waiting."""

    lane: Lane
    seconds: float
    depth: int = 3
    since: float = START
    served: float = 0.0
    taken: list[float] = field(default_factory=list)


@dataclass
class Simulation:
    """One machine, and lanes that never run dry."""

    machine: Machine
    slots: int | None
    streams: list[Stream]
    now: float = START
    running: list[tuple[float, int, Placed, Stream]] = field(default_factory=list)

    def states(self) -> list[LaneState]:
        busy = Counter(id(stream) for *_, stream in self.running)
        return [
            LaneState(lane=s.lane, waiting=s.depth, running=busy[id(s)], since=s.since, served=s.served)
            for s in self.streams
        ]

    def run(self, seconds: float) -> None:
        while self.now < START + seconds:
            self._take()
            if not self.running:
                return
            self.now, *_ = heapq.heappop(self.running)

    def _take(self) -> None:
        while True:
            placed = [placed for _, _, placed, _ in self.running]
            check_nothing_is_given_twice(self.machine, self.slots, placed)
            choice = choose(self.machine, self.slots, placed, self.states(), self.now)
            if choice is None:
                return
            (stream,) = (s for s in self.streams if s.lane == choice.lane)
            self.now += 1e-6  # no two jobs are taken at the same time
            stream.since = stream.served = self.now
            stream.taken.append(self.now)
            stream.depth -= 1
            stream.depth = max(stream.depth, 1)
            ends = self.now + stream.seconds
            one = Placed(needs=stream.lane.needs, grant=choice.grant, ends=ends)
            heapq.heappush(self.running, (ends, len(stream.taken) * 1000 + self.streams.index(stream), one, stream))


streams = st.lists(
    st.tuples(st.sampled_from("abc"), st.integers(0, 9), needs, st.floats(30, 400)),
    min_size=1,
    max_size=5,
    unique_by=lambda told: (told[0], told[1], told[2]),
)


@settings(max_examples=30, deadline=None)
@given(machine=machines, slots=slots, told=streams)
def test_nothing_that_fits_the_empty_machine_starves(
    machine: Machine, slots: int | None, told: list[tuple[str, int, Needs, float]]
) -> None:
    every = [Stream(lane(run, priority, needs), seconds) for run, priority, needs, seconds in told]
    simulation = Simulation(machine, slots, every)
    # all that may go before it, by age and by what is reserved first, each for as long as the longest job
    longest = max(stream.seconds for stream in every)
    bound = 9 * AGING + PATIENCE + len(every) * (AGING + PATIENCE + 2 * longest)
    simulation.run(1.3 * bound)
    for stream in every:
        if not fits(machine, slots, stream.lane.needs):
            assert stream.taken == []
            continue
        gaps = [b - a for a, b in zip([START, *stream.taken], [*stream.taken, simulation.now], strict=True)]
        assert max(gaps) <= bound, (stream.lane, stream.taken)


@pytest.mark.parametrize("priority", [0, 9])
def test_a_job_that_needs_the_whole_machine_is_served_beside_streams_of_small_ones(priority: int) -> None:
    whole = Stream(lane("large", 0, Needs(gpus=8)), 40.0)
    small = [Stream(lane(f"small{n}", priority, Needs(gpus=1)), seconds) for n, seconds in enumerate((37, 53, 71))]
    Simulation(H100S, None, [whole, *small]).run(3 * 10 * AGING)
    assert len(whole.taken) >= 2
    assert all(len(stream.taken) > 50 for stream in small)


@settings(max_examples=40, deadline=None)
@given(runs=st.integers(2, 5), slots=st.integers(1, 6), seconds=st.floats(10, 100))
def test_runs_that_ask_for_the_same_get_the_same(runs: int, slots: int, seconds: float) -> None:
    every = [Stream(lane(f"r{n}"), seconds) for n in range(runs)]
    Simulation(NONE, slots, every).run(60 * seconds)
    taken = [len(stream.taken) for stream in every]
    assert max(taken) - min(taken) <= 1


@settings(max_examples=40, deadline=None)
@given(short=st.floats(5, 30), long=st.floats(40, 200))
def test_two_runs_share_a_machine_by_time_not_by_jobs(short: float, long: float) -> None:
    brief, slow = Stream(lane("brief"), short), Stream(lane("slow"), long)
    Simulation(NONE, 2, [brief, slow]).run(20 * long)
    assert abs(len(brief.taken) * short - len(slow.taken) * long) <= short + 2 * long


def test_under_way_counts_by_gpus() -> None:
    wide = LaneState(lane=lane("wide", needs=Needs(gpus=4)), waiting=1, running=1)
    narrow = LaneState(lane=lane("narrow", needs=Needs(gpus=1)), waiting=1, running=3, served=9.0)
    assert [state.lane.run for state in order([wide, narrow], 10.0)] == ["narrow", "wide"]


def test_between_equals_the_one_served_longest_ago_goes_first() -> None:
    states = [LaneState(lane=lane(run), waiting=1, running=0, served=at) for run, at in (("a", 3), ("b", 1), ("c", 2))]
    assert [state.lane.run for state in order(states, 4.0)] == ["b", "c", "a"]


def test_a_runs_share_is_counted_over_all_its_lanes() -> None:
    states = [
        LaneState(lane=lane("a", priority=9), waiting=0, running=2),
        LaneState(lane=lane("a"), waiting=1, running=0),
        LaneState(lane=lane("b"), waiting=1, running=1, served=5.0),
    ]
    assert [state.lane.run for state in order(states, 6.0)] == ["b", "a"]


@given(priorities=st.lists(st.integers(0, 9), min_size=2, max_size=6, unique=True))
def test_a_higher_priority_goes_first_until_the_lower_has_waited(priorities: list[int]) -> None:
    now = 10_000.0
    fresh = [LaneState(lane=lane(f"r{p}", p), waiting=1, running=0, since=now) for p in priorities]
    assert [state.lane.priority for state in order(fresh, now)] == sorted(priorities, reverse=True)
    aged = [
        state.model_copy(update={"since": now - 10 * AGING}) if state.lane.priority == min(priorities) else state
        for state in fresh
    ]
    assert order(aged, now)[0].lane.priority == min(priorities)


def test_what_the_machine_has_not_is_left_to_others_and_named() -> None:
    states = [
        LaneState(lane=lane("a", 9, Needs(gpus=8)), waiting=2, running=0),
        LaneState(lane=lane("b", 9, Needs(gpus=1, kind="h100")), waiting=1, running=0),
        LaneState(lane=lane("c"), waiting=1, running=0),
    ]
    choice = choose(A100S, None, [], states, 10 * PATIENCE)
    assert choice is not None and choice.lane.run == "c"
    assert [state.lane.run for state in unservable(A100S, None, states)] == ["a", "b"]


def one_gpu_each(count: int, ends: float = 1e6) -> list[Placed]:
    return [
        Placed(needs=Needs(gpus=1), grant={"cpus": 1, "gpus": (gpu,)}, ends=ends + n)  # type: ignore[arg-type]
        for n, gpu in enumerate(H100S.gpus[:count])
    ]


def test_a_large_job_is_overtaken_for_a_while_and_then_waited_for() -> None:
    large = LaneState(lane=lane("large", needs=Needs(gpus=8)), waiting=1, running=0, since=0.0)
    small = LaneState(lane=lane("small", needs=Needs(gpus=1)), waiting=5, running=3, since=0.0)
    running = one_gpu_each(3)
    early = choose(H100S, None, running, [large, small], PATIENCE - 1)
    assert early is not None and early.lane.run == "small"
    assert choose(H100S, None, running, [large, small], PATIENCE + 1) is None
    last = choose(H100S, None, [], [large, small], PATIENCE + 1)
    assert last is not None and last.lane.run == "large" and len(last.grant.gpus) == 8


def test_what_cannot_delay_the_job_that_is_waited_for_is_still_taken() -> None:
    large = LaneState(lane=lane("large", needs=Needs(gpus=6)), waiting=1, running=0, since=0.0)
    small = LaneState(lane=lane("small", needs=Needs(gpus=1)), waiting=5, running=4, since=0.0)
    running = one_gpu_each(4)
    beside: list[str] = []
    while (choice := choose(H100S, None, running, [large, small], PATIENCE + 1)) is not None:
        beside += [gpu.uuid for gpu in choice.grant.gpus]
        running.append(Placed(needs=choice.lane.needs, grant=choice.grant, ends=2e6))
    assert beside == []  # the four that are idle, and the two that end first, are kept for it
    cpu = LaneState(lane=lane("cpu"), waiting=1, running=9, since=0.0)
    choice = choose(H100S, None, running, [large, small, cpu], PATIENCE + 1)
    assert choice is not None and choice.lane.run == "cpu"


@pytest.mark.parametrize("machine", RECORDED.values(), ids=RECORDED)
def test_an_idle_machine_never_waits_while_something_fits(machine: Machine) -> None:
    states = [LaneState(lane=lane(f"r{n}", n, Needs(gpus=n)), waiting=1, running=0, since=0.0) for n in range(9)]
    assert choose(machine, None, [], states, 10 * AGING) is not None
