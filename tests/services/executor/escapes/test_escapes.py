"""What a hostile job tries, one attempt a test: none succeeds. Each is run for real, under a worker, in its sandbox."""

from __future__ import annotations

import os

import pytest
from hostile_house import attempts_of
from prison import Prison

from protocol.job import JobFailed
from services.executor.sandbox import check

SCRIPTS = ("reading", "writing", "network", "granted", "processes", "kernel")
LANDLOCK = os.environ.get(check.SETTING) == "landlock"
"""Then there is no host to be granted, and the job that asks for one does not begin."""
if LANDLOCK:
    SCRIPTS = tuple(script for script in SCRIPTS if script != "granted")
ATTEMPTS = [(script, name) for script in SCRIPTS for name in attempts_of(script)]


@pytest.mark.parametrize(("script", "name"), ATTEMPTS, ids=[f"{script}-{name}" for script, name in ATTEMPTS])
def test_it_does_not_get_out(prison: Prison, script: str, name: str) -> None:
    tried = prison.once(script)
    assert name in tried.verdicts, f"it was not tried: {tried.end.headline()}"
    assert tried.verdicts[name]["escaped"] is None


@pytest.mark.parametrize("script", SCRIPTS)
def test_what_was_tried_has_changed_nothing(prison: Prison, script: str) -> None:
    prison.once(script)
    assert prison.house.changed() == []


def test_nobody_has_called_the_services_of_the_machine(prison: Prison) -> None:
    prison.once("network")
    prison.once("granted")
    assert prison.services.callers == []


@pytest.mark.skipif(not LANDLOCK, reason="there is a way out for granted hosts")
def test_a_job_that_is_granted_a_host_does_not_begin_where_there_is_no_way_out(prison: Prison) -> None:
    end = prison.once("granted").end
    assert isinstance(end, JobFailed) and "this machine's sandbox (landlock) has no network" in end.reason


def test_worker_zygote_bus_and_neighbours_live(prison: Prison) -> None:
    prison.once("processes")
    assert prison.dead() == []


def test_no_secret_is_in_the_journal(prison: Prison) -> None:
    for script in SCRIPTS:
        assert "CANARY" not in prison.once(script).journaled
