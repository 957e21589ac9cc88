"""Remedies: they change numbers only, keep the effective batch, end, and never try the same failure unchanged."""

from __future__ import annotations

from typing import Any, get_args

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from agents.experimentalist import form
from agents.experimentalist.diagnose import diagnose
from agents.experimentalist.remedies import ADVICE, LADDER_ATTEMPTS, MAX_ATTEMPTS, REMEDIES, offered
from agents.form import BadForm
from protocol.experiment import Entry, Proposal
from protocol.job import Category, Cause, JobFailed, JobSpec, Needs
from protocol.schedule import DiagnoseRequest, Diagnosis
from tests.agents.requests import nobody
from tests.graph import story

CONFIG = {"learning_rate": 0.01, "per_device_train_batch_size": 32, "max_length": 64, "dataset_name": "/d"}
CUDA = "torch.OutOfMemoryError: CUDA out of memory. GPU 0 has a total capacity of 79.11 GiB of which 1 GiB is free."


def proposal(config: dict[str, Any] | None = None, **job: Any) -> Proposal:
    text = "# sft-1: because\n" + yaml.safe_dump(CONFIG if config is None else config)
    fields: dict[str, Any] = {"files": {"config.yaml": text}, "argv": ("sft.py",), "seconds": 10} | job
    recipe = {"learning_rate": 0.01, "per_device_train_batch_size": 32}
    return Proposal(experiment=story.experiment("sft-1", recipe=recipe), job=JobSpec(**fields))


async def diagnosis(category: Category, asked: Proposal | None = None, *evidence: str, attempts: int = 1) -> Diagnosis:
    asked = asked or proposal()
    request = DiagnoseRequest(
        entry=Entry(experiment=asked.experiment, status="failed", attempts=attempts),
        proposal=asked,
        failure=JobFailed(
            job="j", experiment="sft-1", at=0, reason="exit code 1", cause=Cause(category=category, evidence=evidence)
        ),
    )
    return await diagnose(request, nobody)


def config_of(answer: Diagnosis) -> dict[str, Any]:
    assert answer.retry is not None and answer.retry.job is not None
    loaded: dict[str, Any] = yaml.safe_load(answer.retry.job.files["config.yaml"])
    return loaded


async def test_category_and_evidence_are_the_workers() -> None:
    answer = await diagnosis("disk_full", None, "OSError: [Errno 28] No space left on device")
    assert (answer.category, answer.evidence) == ("disk_full", ("OSError: [Errno 28] No space left on device",))
    assert (await diagnosis("unknown")).evidence == ("exit code 1",)


def test_every_category_has_a_remedy_or_an_advice() -> None:
    assert set(get_args(Category)) == set(REMEDIES) | set(ADVICE)


@pytest.mark.parametrize("category", ADVICE)
async def test_what_code_cannot_mend_is_told_and_not_tried_again(category: Category) -> None:
    answer = await diagnosis(category)
    assert answer.retry is None and len(answer.remedy) > 20


async def test_out_of_memory_halves_the_batch_and_doubles_the_accumulation() -> None:
    answer = await diagnosis("host_out_of_memory")
    assert config_of(answer) == CONFIG | {"per_device_train_batch_size": 16, "gradient_accumulation_steps": 2}
    assert answer.retry is not None and answer.retry.job is not None
    later = answer.retry.experiment.recipe
    assert (later["per_device_train_batch_size"], later["gradient_accumulation_steps"]) == (16, 2), "what follows too"
    assert answer.retry.job.files["config.yaml"].startswith("# sft-1: because\n")


@given(batch=st.integers(1, 512), accumulation=st.integers(1, 8))
async def test_the_ladder_keeps_the_effective_batch_and_ends(batch: int, accumulation: int) -> None:
    config = CONFIG | {
        "per_device_train_batch_size": batch,
        "gradient_accumulation_steps": accumulation,
        "gradient_checkpointing": False,
    }
    asked, rungs = proposal(config), 0
    while (answer := await diagnosis("host_out_of_memory", asked)).retry is not None:
        found = config_of(answer)
        size, times = found["per_device_train_batch_size"], found["gradient_accumulation_steps"]
        assert size * times == batch * accumulation
        changed = {name for name in found if found[name] != config.get(name)}
        assert changed <= {"per_device_train_batch_size", "gradient_accumulation_steps", "gradient_checkpointing"}
        asked, rungs = answer.retry, rungs + 1
        assert rungs <= 10
    assert found["per_device_train_batch_size"] == 1 and found["gradient_checkpointing"] is True
    assert "not taken without asking" in answer.remedy


@given(
    groups=st.integers(1, 32), group=st.sampled_from([2, 4, 8, 16]), accumulation=st.integers(1, 4), fixed=st.booleans()
)
async def test_groups_of_completions_stay_whole(groups: int, group: int, accumulation: int, fixed: bool) -> None:
    """What TRL demands of the figures, at every rung."""
    batch = groups * group
    config: dict[str, Any] = {
        "per_device_train_batch_size": batch,
        "gradient_accumulation_steps": accumulation,
        "num_generations": group,
    }
    if fixed:
        config["generation_batch_size"] = batch * accumulation
    asked, at_once = proposal(config), [batch * accumulation]
    while (answer := await diagnosis("out_of_memory", asked)).retry is not None:
        found = config_of(answer)
        size = found["per_device_train_batch_size"]
        assert size * found["gradient_accumulation_steps"] == batch * accumulation
        sampled = found.get("generation_batch_size") or size * found["steps_per_generation"]
        assert sampled % group == 0 and sampled % size == 0
        at_once.append(sampled)
        asked = answer.retry
    assert at_once == sorted(at_once, reverse=True)
    if groups > 1 and not fixed:
        assert at_once[-1] < at_once[0]  # fewer completions are sampled at a time, too


async def test_a_deviation_over_the_batch_is_not_taken_over_less() -> None:
    config = {"per_device_train_batch_size": 16, "num_generations": 4, "scale_rewards": "batch"}
    found = config_of(await diagnosis("out_of_memory", proposal(config)))
    assert (found["per_device_train_batch_size"], found["steps_per_generation"]) == (8, 2)


async def test_after_the_batch_activations_then_a_bigger_gpu() -> None:
    small = CONFIG | {"per_device_train_batch_size": 1, "gradient_checkpointing": False}
    needs = Needs(gpus=1, kind="a100")
    checkpointed = await diagnosis("out_of_memory", proposal(small, needs=needs), CUDA)
    assert config_of(checkpointed) == small | {"gradient_checkpointing": True}
    bigger = await diagnosis("out_of_memory", checkpointed.retry, CUDA)
    assert bigger.retry is not None and bigger.retry.job is not None
    assert bigger.retry.job.needs == Needs(gpus=1, kind="a100", min_memory_gb=94)
    assert "84.9 GB were too little" in bigger.remedy


async def test_a_share_of_a_gpu_grows_before_the_gpu_does() -> None:
    small = CONFIG | {"per_device_train_batch_size": 1}
    grown = await diagnosis("out_of_memory", proposal(small, needs=Needs(gpus=1, min_memory_gb=20)), CUDA)
    assert grown.retry is not None and grown.retry.job is not None
    assert grown.retry.job.needs.min_memory_gb == 40


async def test_a_gpu_job_short_of_host_memory_loads_data_in_fewer_processes() -> None:
    asked = proposal(CONFIG | {"dataloader_num_workers": 4}, needs=Needs(gpus=1))
    assert config_of(await diagnosis("host_out_of_memory", asked))["dataloader_num_workers"] == 2
    assert (await diagnosis("host_out_of_memory", proposal(needs=Needs(gpus=1)))).retry is None


@pytest.mark.parametrize("category", ["nan", "diverged", "reward_collapse", "kl_blow_up"])
async def test_an_unstable_training_gets_half_the_rate_and_nothing_else(category: Category) -> None:
    assert config_of(await diagnosis(category)) == CONFIG | {"learning_rate": 0.005}


async def test_clipping_is_switched_on_where_it_was_off_and_a_rate_may_be_written_in_any_way() -> None:
    found = config_of(await diagnosis("nan", proposal({"learning_rate": "1e-4", "max_grad_norm": 0})))
    assert found == {"learning_rate": 5e-5, "max_grad_norm": 1.0}


async def test_a_policy_that_ran_away_is_bound_tighter() -> None:
    found = config_of(await diagnosis("kl_blow_up", proposal({"learning_rate": 1e-4, "beta": 0.04})))
    assert found == {"learning_rate": 5e-5, "beta": 0.08}


async def test_a_full_disk_keeps_fewer_checkpoints_once() -> None:
    first = await diagnosis("disk_full", proposal(CONFIG | {"save_total_limit": 3}))
    assert config_of(first)["save_total_limit"] == 1
    assert (await diagnosis("disk_full", first.retry)).retry is None


@pytest.mark.parametrize("category", REMEDIES)
async def test_no_retry_is_the_job_that_failed(category: Category) -> None:
    asked = proposal()
    answer = await diagnosis(category, asked)
    assert answer.retry is None or answer.retry.job != asked.job
    stuck = proposal({"learning_rate": 0.0, "per_device_train_batch_size": 1, "save_total_limit": 1})
    assert (await diagnosis(category, stuck)).retry is None


@pytest.mark.parametrize("category", REMEDIES)
async def test_attempts_are_bounded(category: Category) -> None:
    most = max(MAX_ATTEMPTS, LADDER_ATTEMPTS)
    answer = await diagnosis(category, attempts=most)
    assert answer.retry is None and f"given up after {most}" in answer.remedy


async def test_a_config_that_is_no_yaml_is_none_of_ours() -> None:
    answer = await diagnosis("nan", proposal(files={"config.yaml": "rate: [1, 2", "a.py": ""}, argv=("a.py",)))
    assert answer.retry is None and "config.yaml" in answer.remedy


@pytest.mark.parametrize("category", REMEDIES)
async def test_a_script_of_its_own_is_told_what_to_change(category: Category) -> None:
    answer = await diagnosis(category, proposal(files={"train.py": "…"}))
    assert answer.retry is None and answer.remedy


def failed(category: Category, asked: Proposal | None = None, attempts: int = 1) -> DiagnoseRequest:
    asked = asked or proposal()
    failure = JobFailed(job="j", experiment="sft-1", at=0, reason="exit code 1", cause=Cause(category=category))
    entry = Entry(experiment=asked.experiment, status="failed", attempts=attempts)
    return DiagnoseRequest(entry=entry, proposal=asked, failure=failure)


async def test_a_mind_chooses_among_the_remedies_that_code_offers_or_none() -> None:
    request = failed("kl_blow_up", proposal(CONFIG | {"beta": 0.1}))
    told = form.tell_failure(request)
    assert "1. learning rate 0.01 → 0.005, beta 0.1 → 0.2\n2. learning rate 0.01 → 0.005\n" in told
    second = await form.complete_diagnosis(request, form.DiagnoseForm(remedy=2, words="the rate was it"), nobody)
    assert config_of(second)["beta"] == 0.1 and config_of(second)["learning_rate"] == 0.005
    assert second.remedy.endswith("(the rate was it)") and second.category == "kl_blow_up"
    none = await form.complete_diagnosis(request, form.DiagnoseForm(words="the reward is at fault"), nobody)
    assert none.retry is None and none.remedy == "the reward is at fault"


@pytest.mark.parametrize(
    "request_", [failed("unknown"), failed("nan", attempts=MAX_ATTEMPTS), failed("nan", proposal({}))]
)
async def test_a_mind_cannot_have_the_same_job_tried_again(request_: DiagnoseRequest) -> None:
    assert "none that code can carry out" in form.tell_failure(request_)
    with pytest.raises(BadForm, match="there is no remedy 1"):
        await form.complete_diagnosis(request_, form.DiagnoseForm(remedy=1, words="again"), nobody)


@pytest.mark.parametrize("category", REMEDIES)
def test_each_remedy_that_is_offered_changes_the_job_and_no_two_are_the_same(category: Category) -> None:
    request = failed(category, proposal(CONFIG | {"beta": 0.1}))
    retries = [one.retry for one in offered(category, request.entry, request.proposal, request.failure)]
    assert retries and all(one is not None and one.job != request.proposal.job for one in retries)
    assert all(one != other for n, one in enumerate(retries) for other in retries[:n])
