"""A job that lies to its worker: nothing of it is believed, nothing holds the worker up, no secret comes out."""

from __future__ import annotations

import re

import psutil
import pytest
from prison import Prison, Tried

from protocol.job import JobFailed, JobFinished, JobMetric, JobStarted
from services.trained_model import what_is_missing

MODELS = {
    "model_that_is_the_sealed_folder": "is no folder but a link",
    "model_that_is_the_base": "is no folder but a link",
    "weights_that_are_the_test_split": "model.safetensors is a link",
    "configuration_that_nobody_writes_to": "is no regular file",
    "model_with_code": "names code",
    "model_that_is_a_pickle": "no weights",
    "adapter_of_another_model": "an adapter of another model",
    "shards_elsewhere": "no model/",
    "million_files": "more than 2000 files",
}
LOGS = ("log_that_is_a_link", "log_that_is_a_fifo", "log_that_is_a_folder_or_a_device", "log_of_a_terabyte")
FLOODS = ("flood_of_events", "flood_of_checkpoints", "flood_of_lines", "lines_without_end")
LIES = ("forged_end", "strange_bytes", "escapes_for_the_terminal")
MOST_BYTES = 16 << 20
"""Of the journal, for one job of some seconds."""
MOST_MEMORY = 1 << 30
"""Of the worker: as much as ten times what it takes."""


@pytest.fixture(scope="session")
def prison(bare_prison: Prison) -> Prison:
    return bare_prison


@pytest.fixture(scope="session")
def lies(prison: Prison) -> dict[str, Tried]:
    async def run() -> dict[str, Tried]:
        ways = (*MODELS, *LOGS, *FLOODS, *LIES, "honest_model")
        jobs = {way: await prison.submit("tampering", way, id=f"lies-{way}") for way in ways}
        return {way: await prison.ended(job) for way, job in jobs.items()}

    return prison.do(run())


@pytest.mark.parametrize("way", MODELS)
def test_a_model_that_would_do_harm_is_none(lies: dict[str, Tried], way: str) -> None:
    end = lies[way].end
    assert isinstance(end, JobFailed)
    assert MODELS[way] in end.reason


def test_an_honest_model_is_one(lies: dict[str, Tried]) -> None:
    assert isinstance(lies["honest_model"].end, JobFinished)
    assert what_is_missing(lies["honest_model"].folder / "model") is None


@pytest.mark.parametrize("way", LOGS)
def test_the_worker_reads_no_log_but_the_jobs_and_waits_for_none(lies: dict[str, Tried], way: str) -> None:
    assert isinstance(lies[way].end, JobFailed)
    assert "CANARY" not in lies[way].journaled


@pytest.mark.parametrize("way", FLOODS)
def test_a_flood_does_not_fill_the_journal(lies: dict[str, Tried], way: str) -> None:
    assert isinstance(lies[way].end, JobFailed)
    assert len(lies[way].journaled) < MOST_BYTES


def test_a_flood_does_not_fill_the_workers_memory(prison: Prison, lies: dict[str, Tried]) -> None:
    assert psutil.Process(prison.worker.process.pid).memory_info().rss < MOST_MEMORY


def test_a_forged_end_is_none(lies: dict[str, Tried]) -> None:
    end = lies["forged_end"].end
    assert isinstance(end, JobFailed) and end.exit_code == 3


def test_strange_bytes_stop_nothing(lies: dict[str, Tried]) -> None:
    tried = lies["strange_bytes"]
    assert isinstance(tried.end, JobFailed)
    assert all(abs(e.data.step) < 1e16 for e in tried.said if isinstance(e.data, JobMetric))


def test_no_escape_sequence_gets_to_a_terminal(lies: dict[str, Tried]) -> None:
    tried = lies["escapes_for_the_terminal"]
    assert "owned" in tried.journaled
    for envelope in tried.said:
        text = envelope.data.headline() + str(envelope.data.model_dump())
        assert not re.search(r"[\x00-\x08\x0a-\x1f\x7f-\x9f\u202e]", text)


def test_the_next_delivery_follows_no_link_of_the_last(prison: Prison) -> None:
    async def twice() -> Tried:
        first = await prison.submit("tampering", "links_for_the_next_delivery", id="linked")
        await prison.ended(first)
        return await prison.ended(await prison.submit("tampering", "forged_end", id="again", folder=first.folder))

    tried = prison.do(twice())
    assert isinstance(tried.end, JobFailed) and tried.end.exit_code == 3
    assert prison.house.changed() == []
    assert "CANARY" not in tried.journaled


def test_the_next_job_is_not_given_what_a_model_links_to(prison: Prison, lies: dict[str, Tried]) -> None:
    parent = str(lies["model_that_is_the_sealed_folder"].folder / "model")
    script = f"import os\nprint(os.listdir({parent!r}), open({parent!r} + '/test.jsonl').read())"
    tried = prison.do(_with_parent(prison, script, parent))
    assert isinstance(tried.end, JobFailed)
    assert not any(isinstance(e.data, JobStarted) for e in tried.said)
    assert "CANARY" not in tried.journaled


async def _with_parent(prison: Prison, script: str, parent: str) -> Tried:
    return await prison.ended(await prison.submit_text(script, id="child", reads=(parent,)))


def test_the_worker_goes_on(prison: Prison, lies: dict[str, Tried]) -> None:
    assert prison.dead() == []
    assert prison.house.changed() == []
