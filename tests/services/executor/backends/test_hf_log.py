"""The log of a rented job over lost connections, without a server."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from services.executor.backends.backend import BackendFailed
from services.executor.backends.hf_jobs import log as job_log
from services.executor.backends.hf_jobs.log import JobLog


class Hub:
    """Breaks off after a silence, as often as it is told to, then tells all."""

    def __init__(self, silence: float, times: int) -> None:
        self.silence, self.times = silence, times

    def fetch_job_logs(self, **_: Any) -> Iterator[str]:
        yield "begun"
        time.sleep(self.silence)
        if self.times:
            self.times -= 1
            raise ConnectionError("broken off")
        yield "end"


class Away:
    def fetch_job_logs(self, **_: Any) -> Iterator[str]:
        raise ConnectionError("nobody there")


def followed(api: Any) -> JobLog:
    return JobLog(api, "ada", "1", lambda line: line == "end")


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_log, "AGAIN_SECONDS", 0.05)
    monkeypatch.setattr(job_log, "LOST_SECONDS", 0.3)


async def test_a_job_that_was_silent_for_long_is_not_lost_with_one_connection() -> None:
    lines = [line for batch in [batch async for batch in followed(Hub(1.0, 2)).batches()] for line in batch]
    assert lines == ["begun", "end"]


async def test_a_job_is_lost_when_the_hub_stays_away() -> None:
    with pytest.raises(BackendFailed, match="cannot read the log of job 1: the Hub does not answer"):
        [batch async for batch in followed(Away()).batches()]
