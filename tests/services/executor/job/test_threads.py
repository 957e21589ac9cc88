"""The thread tuner takes more threads only where they help, and leaves them at once where they wait for each other."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from services.executor.job.threads import ThreadTuner


def train(tuner: ThreadTuner, seconds_of: Callable[[int, float], float], for_seconds: float, now: float = 0.0) -> float:
    """Steps of a training whose steps take `seconds_of(threads, now)`; gives how many were made."""
    steps, threads, end = 0, tuner.threads, now + for_seconds
    while now < end:
        took = seconds_of(threads, now)
        now += took
        threads = tuner.after(took, now)
        steps += 1
    return steps


def test_it_takes_the_threads_that_help() -> None:
    tuner = ThreadTuner(2)
    steps = train(tuner, lambda threads, now: 0.06 if threads == 1 else 0.04, 30)
    assert steps > 0.9 * 30 / 0.04


def test_it_stays_with_one_where_the_cores_are_taken() -> None:
    tuner = ThreadTuner(2)
    steps = train(tuner, lambda threads, now: 0.06 if threads == 1 else 4.0, 60)
    assert steps > 0.7 * 60 / 0.06
    assert tuner.threads == 1


def test_it_leaves_the_threads_when_they_collapse_and_comes_back() -> None:
    def seconds_of(threads: int, now: float) -> float:
        if threads == 1:
            return 0.06
        return 1.0 if 10 < now < 20 else 0.04

    tuner = ThreadTuner(2)
    steps = train(tuner, seconds_of, 60)
    assert steps > 0.85 * (50 / 0.04 + 10 / 0.06)
    assert tuner.threads == 2


def test_with_one_core_there_is_nothing_to_try() -> None:
    tuner = ThreadTuner(1)
    assert {tuner.after(0.1, float(now)) for now in range(100)} == {1}


@given(st.lists(st.floats(1e-4, 100), min_size=1, max_size=200), st.integers(1, 16))
def test_it_never_asks_for_more_than_there_are(times: list[float], most: int) -> None:
    tuner, now = ThreadTuner(most), 0.0
    for took in times:
        now += took
        assert tuner.after(took, now) in (1, most)
