"""How much a job may say."""

from __future__ import annotations

import pytest

from services.executor import allowance
from services.executor.allowance import Allowance


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [0.0]
    monkeypatch.setattr(allowance.time, "monotonic", lambda: now[0])
    return now


def test_so_much_at_once_and_then_at_the_rate(clock: list[float]) -> None:
    mine = Allowance(burst=100, rate=10)
    assert mine.take(60) and mine.take(40) and not mine.take(1)
    clock[0] = 2.0
    assert mine.take(20) and not mine.take(1)


def test_what_is_not_said_is_not_saved_up_for_ever(clock: list[float]) -> None:
    mine = Allowance(burst=100, rate=10)
    clock[0] = 1000.0
    assert mine.take(100) and not mine.take(1)


def test_what_was_refused_costs_nothing(clock: list[float]) -> None:
    mine = Allowance(burst=100, rate=10)
    assert not mine.take(101) and mine.take(100)
