"""The arithmetic of leases: what its holder counts ends before what the queue counts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.executor import lease as lease_module
from services.executor.lease import MARGIN, Lease, clock


@given(
    seconds=st.floats(0.5, 60),
    delay=st.floats(0, 5),
    beats=st.lists(st.tuples(st.floats(0.01, 20), st.floats(0, 5)), max_size=10),
)
def test_a_lease_is_over_for_its_holder_before_it_is_for_the_queue(
    seconds: float, delay: float, beats: list[tuple[float, float]]
) -> None:
    now = 1000.0
    held, at_queue = Lease(seconds, asked=now), now + delay + seconds  # it gives the job away after it was asked
    for pause, way in beats:
        now += pause
        if now >= held.until:
            break
        held.confirm(now)
        at_queue = max(at_queue, now + way + seconds)  # it hears the beat after that was sent
    assert held.until <= at_queue - MARGIN * seconds + 1e-6


def test_it_is_held_until_then(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 5.0
    monkeypatch.setattr(lease_module, "clock", lambda: now)
    lease = Lease(10.0, asked=5.0)
    assert (lease.until, lease.held, lease.silence) == (13.0, True, 0.0)
    now = 12.0
    assert lease.held and lease.silence == pytest.approx(7.0)
    lease.confirm(11.0)
    now = 18.9
    assert lease.held
    now = 19.0
    assert not lease.held


def test_the_clock_goes_on() -> None:
    assert clock() <= clock()
