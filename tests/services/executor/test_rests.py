"""A lane whose jobs cannot be started rests; the others are served on."""

from __future__ import annotations

from protocol.job import Needs
from protocol.lane import Lane
from services.executor.inventory.policy import LaneState
from services.executor.rests import FIRST, FORGOTTEN, MOST, Rests

LARGE, SMALL = (Lane(queue="q", priority=5, run="r", needs=Needs(gpus=gpus)) for gpus in (8, 1))


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def waiting(rests: Rests) -> list[int]:
    states = [LaneState(lane=LARGE, waiting=2, running=1), LaneState(lane=SMALL, waiting=3, running=0)]
    return [state.waiting for state in rests.awake(states)]


def test_a_lane_rests_the_longer_the_more_often_it_fails_and_the_others_do_not() -> None:
    clock = Clock()
    rests = Rests(clock)
    assert [rests.failed(LARGE) for _ in range(6)] == [FIRST, 2 * FIRST, 4 * FIRST, 8 * FIRST, MOST, MOST]
    assert waiting(rests) == [0, 3]
    clock.now += MOST
    assert waiting(rests) == [2, 3]
    assert rests.failed(LARGE) == MOST, "it is tried again, and remembered"
    rests.worked(LARGE)
    assert waiting(rests) == [2, 3] and rests.failed(LARGE) == FIRST


def test_a_lane_that_is_not_tried_again_is_forgotten() -> None:
    clock = Clock()
    rests = Rests(clock)
    rests.failed(LARGE)
    clock.now += FIRST + FORGOTTEN
    waiting(rests)
    assert rests.failed(LARGE) == FIRST
