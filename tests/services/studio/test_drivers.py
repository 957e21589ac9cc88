"""One thread takes the steps of a run, until it says so no longer."""

from __future__ import annotations

from services.studio.drivers import DRIVEN_SECONDS, Drivers


def test_the_first_one_drives_and_who_only_looks_takes_nothing() -> None:
    drivers = Drivers()
    assert drivers.take("r", "") == ""
    assert drivers.take("r", "one") == "one"
    assert drivers.take("r", "two") == "one"
    assert drivers.take("r", "") == "one"
    assert drivers.take("another", "two") == "two"


def test_another_may_when_the_first_has_left_or_was_not_heard_of_for_long() -> None:
    at = 0.0
    drivers = Drivers(now=lambda: at)
    drivers.take("r", "one")
    drivers.leave("r", "two")
    assert drivers.driver("r") == "one", "nobody is driven out by others"
    at = DRIVEN_SECONDS - 1
    drivers.take("r", "one")
    at += DRIVEN_SECONDS - 1
    assert drivers.take("r", "two") == "one"
    at += 1
    assert drivers.take("r", "two") == "two"
    drivers.leave("r", "two")
    assert drivers.take("r", "one") == "one"
