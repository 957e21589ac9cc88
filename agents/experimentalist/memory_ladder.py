"""Out of memory: the ladder. Half the batch, twice the accumulation, activation checkpointing, a bigger GPU, the end.

The batch that a step of the optimizer sees stays what it was. Never changed: method, sequence length, data, base model.
"""

from __future__ import annotations

import math
import re
from typing import Any

from agents.experimentalist.job_config import config_of, number, with_config
from agents.experimentalist.remedy import Remedy
from protocol.experiment import Proposal
from protocol.job import JobFailed
from tools.sizing.recipe import TRAINER_BATCH

GIB = 2**30 / 1e9
_CAPACITY = re.compile(r"has a total capacity of ([\d.]+) (GiB|MiB)")
"""In torch's message of a CUDA out-of-memory."""
BIGGER = 1.1
"""A GPU counts as bigger with a tenth more memory: what lies between two makes of 80 GB is no help."""
SCRIPT = "its script is not configured by a config.yaml: in it, halve the batch and double the gradient accumulation"


def less_device_memory(proposal: Proposal, failure: JobFailed) -> Remedy:
    """For a GPU job whose device was full."""
    return _less_a_step(proposal) or _bigger_gpu(proposal, failure)


def less_host_memory(proposal: Proposal, failure: JobFailed) -> Remedy:
    """For a job that the host had too little memory for: on the CPU the batch is what takes it, beside a GPU the
    processes that load data are."""
    assert proposal.job is not None
    if proposal.job.needs.gpus:
        return _fewer_loaders(proposal)
    limit = proposal.job.needs.memory_gb
    allowed = f" than the {limit:g} GB that it is allowed" if limit is not None else " than the machine has"
    told = f"the batch is 1 and activations are checkpointed: it needs more host memory{allowed}, which is not taken"
    return _less_a_step(proposal) or Remedy(
        f"{told} without asking: give it a larger `compute.memory_gb`, or a smaller model"
    )


def _less_a_step(proposal: Proposal) -> Remedy | None:
    """The rungs that change nothing but how a step is computed; None when all are used up."""
    config = config_of(proposal)
    if config is None:
        return Remedy(SCRIPT)
    batch = int(number(config, "per_device_train_batch_size", TRAINER_BATCH) or TRAINER_BATCH)
    if batch > 1:
        smaller = max(size for size in range(1, batch // 2 + 1) if batch % size == 0)
        changes = _smaller_batch(config, smaller, batch // smaller)
        told = f"batch {batch} → {smaller}, accumulation × {batch // smaller}: the effective batch stays"
        return Remedy(told, with_config(proposal, changes))
    # transformers 5.23 renamed it; the new name counts where both are given. TRL's default is on.
    name = "activation_checkpointing" if "activation_checkpointing" in config else "gradient_checkpointing"
    if config.get(name, True) is False:
        return Remedy("activations are computed anew instead of kept", with_config(proposal, {name: True}))
    return None


def _smaller_batch(config: dict[str, Any], batch: int, factor: int) -> dict[str, Any]:
    """`factor` times the accumulation; for GRPO fewer completions sampled at a time too, where groups stay whole.

    TRL samples `per_device_train_batch_size × steps_per_generation` completions at once, which must be a multiple of
    `num_generations`; `steps_per_generation` is the accumulation where nothing is said (trl.GRPOConfig.__post_init__).
    """
    accumulation = int(number(config, "gradient_accumulation_steps", 1) or 1)
    changes: dict[str, Any] = {
        "per_device_train_batch_size": batch,
        "gradient_accumulation_steps": accumulation * factor,
    }
    if "num_generations" not in config or config.get("generation_batch_size") is not None:
        return changes  # a given generation batch is a multiple of the batch, so of any part of it too
    group, steps = int(config["num_generations"]), int(config.get("steps_per_generation") or accumulation)
    whole_groups = (batch * steps) % group == 0
    over_the_batch = config.get("scale_rewards") == "batch"  # the deviation of fewer rewards would be another one
    changes["steps_per_generation"] = steps if whole_groups and not over_the_batch else steps * factor
    return changes


def _bigger_gpu(proposal: Proposal, failure: JobFailed) -> Remedy:
    assert proposal.job is not None
    needs = proposal.job.needs
    told = next((found for line in (*failure.cause.evidence, *failure.evidence) if (found := _capacity(line))), None)
    had = needs.min_memory_gb if told is None else told
    if not needs.gpus or had is None:
        return Remedy("the batch is 1 and activations are checkpointed: it needs a device with more memory")
    share = needs.min_memory_gb is not None and told is not None and 2 * needs.min_memory_gb <= told
    asked = 2 * (needs.min_memory_gb or 0.0) if share else math.ceil(BIGGER * had)
    job = proposal.job.model_copy(update={"needs": needs.model_copy(update={"min_memory_gb": asked})})
    retry = Proposal(experiment=proposal.experiment, job=job)
    return Remedy(f"a GPU with at least {asked:g} GB is asked for: {had:g} GB were too little", retry)


def _capacity(line: str) -> float | None:
    """Gigabytes (10⁹ bytes) of the GPU that was full."""
    found = _CAPACITY.search(line)
    if found is None:
        return None
    return round(float(found.group(1)) * (GIB if found.group(2) == "GiB" else GIB / 1024), 1)


def _fewer_loaders(proposal: Proposal) -> Remedy:
    config = config_of(proposal)
    loaders = int(number(config or {}, "dataloader_num_workers", 0) or 0)
    if not loaders:
        return Remedy(
            "host memory beside a GPU goes into loading weights and data: it needs a larger `compute.memory_gb`"
        )
    return Remedy(
        f"{loaders} → {loaders // 2} processes that load data",
        with_config(proposal, {"dataloader_num_workers": loaders // 2}),
    )
