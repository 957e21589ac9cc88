"""The Experimentalist's playbook: schedules, lost rungs, diagnoses whose remedies change numbers only."""

from __future__ import annotations

import pytest
import yaml

from agents.experimentalist.diagnose import MAX_ATTEMPTS, diagnose
from agents.experimentalist.rungs import check
from agents.experimentalist.schedule import schedule
from protocol.experiment import Digest, Entry, Proposal
from protocol.job import JobFailed, JobSpec
from protocol.schedule import Curve, DiagnoseRequest, Diagnosis, RungCheck, ScheduleRequest
from tests.agents.requests import nobody
from tests.graph import story

CONFIG = {"learning_rate": 0.01, "per_device_train_batch_size": 32, "max_length": 64, "dataset_name": "/d"}


def curve(id: str, *losses: float) -> Curve:
    steps = tuple(10 * (n + 1) for n in range(len(losses)))
    return Curve(experiment=id, rung=0, max_steps=100, steps=steps, losses=losses)


async def test_promotions_come_first_and_what_does_not_fit_is_left_out() -> None:
    proposals = tuple(
        Proposal(experiment=story.experiment(id, rung=rung, seconds=seconds), job=story.JOB)
        for id, rung, seconds in (("a", 0, 10), ("b", 1, 25), ("c", 0, 20))
    )
    answer = await schedule(ScheduleRequest(proposals=proposals, digest=Digest(seconds_left=40)), nobody)
    assert [slot.experiment for slot in answer.slots] == ["b", "a"]
    assert "20 s and 5 s are left" in answer.left_out["c"]


async def test_a_job_far_behind_its_peers_loses_its_rung() -> None:
    peers = (curve("a", 2.0, 1.0, 0.8), curve("b", 2.0, 1.1, 0.9))
    lost = await check(RungCheck(check_point=0.34, curve=curve("c", 2.5, 2.4, 2.4), peers=peers), nobody)
    assert not lost.keep
    assert "median" in lost.reason
    level = await check(RungCheck(check_point=0.34, curve=curve("c", 2.0, 1.05, 0.85), peers=peers), nobody)
    assert level.keep


async def test_one_peer_alone_kills_nobody() -> None:
    verdict = await check(
        RungCheck(check_point=0.34, curve=curve("c", 9.0, 9.0, 9.0), peers=(curve("a", 1.0, 1.0, 1.0),)), nobody
    )
    assert verdict.keep


async def diagnosis(reason: str, *evidence: str, attempts: int = 1) -> Diagnosis:
    experiment = story.experiment("sft-1", recipe={"learning_rate": 0.01, "per_device_train_batch_size": 32})
    job = JobSpec(files={"config.yaml": yaml.safe_dump(CONFIG)}, argv=("sft.py",), seconds=10)
    request = DiagnoseRequest(
        entry=Entry(experiment=experiment, status="failed", attempts=attempts),
        proposal=Proposal(experiment=experiment, job=job),
        failure=JobFailed(job="j", experiment="sft-1", at=0, reason=reason, evidence=evidence),
    )
    return await diagnose(request, nobody)


def config_of(answer: Diagnosis) -> dict[str, object]:
    assert answer.retry is not None and answer.retry.job is not None
    loaded: dict[str, object] = yaml.safe_load(answer.retry.job.files["config.yaml"])
    return loaded


@pytest.mark.parametrize(
    ("reason", "evidence", "category"),
    [
        ("exit code 1", "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2 GiB", "out_of_memory"),
        ("memory limit of 2.0 GB", "", "out_of_memory"),
        ("the loss is nan", "", "nan"),
        ("time limit of 30 s", "", "time_out"),
        ("exit code 1", "OSError: [Errno 28] No space left on device", "disk_full"),
        ("exit code 1", "ModuleNotFoundError: No module named 'flash_attn'", "import_error"),
        ("exit code 1", "TypeError: SFTConfig.__init__() got an unexpected keyword argument 'lr'", "argument_error"),
        ("exit code 1", "FileNotFoundError: [Errno 2] No such file or directory: 'x.jsonl'", "missing_file"),
        ("exit code 1", "KeyError: 'completion'", "missing_column"),
        ("killed by SIGKILL", "", "killed"),
        ("it lost its worker three times", "", "worker_lost"),
        ("exit code 7", "something else", "unknown"),
    ],
)
async def test_the_evidence_names_the_category(reason: str, evidence: str, category: str) -> None:
    answer = await diagnosis(reason, evidence)
    assert answer.category == category
    assert answer.evidence


async def test_out_of_memory_halves_the_batch_and_doubles_the_accumulation() -> None:
    config = config_of(await diagnosis("memory limit of 2.0 GB"))
    assert config["per_device_train_batch_size"] == 16
    assert config["gradient_accumulation_steps"] == 2
    untouched = {"max_length", "dataset_name", "learning_rate"}
    assert {name: config[name] for name in untouched} == {name: CONFIG[name] for name in untouched}


async def test_nan_halves_the_learning_rate_and_nothing_else() -> None:
    assert config_of(await diagnosis("the loss is nan")) == CONFIG | {"learning_rate": 0.005}


async def test_nothing_is_retried_unchanged_or_for_ever() -> None:
    assert (await diagnosis("exit code 7", "something else")).retry is None
    assert (await diagnosis("it lost its worker three times")).retry is None
    assert (await diagnosis("the loss is nan", attempts=MAX_ATTEMPTS)).retry is None
