"""Category → remedy. Remedies change numbers, never method, data or base model; and never is a failure tried again
unchanged, not even one that the machine is to blame for: nothing keeps the job from the same machine."""

from __future__ import annotations

from collections.abc import Callable

from agents.experimentalist.job_config import config_of, number, with_config
from agents.experimentalist.memory_ladder import less_device_memory, less_host_memory
from agents.experimentalist.remedy import Remedy
from protocol.experiment import Entry, Proposal
from protocol.job import Category, JobFailed

MAX_ATTEMPTS = 3
"""A job is started at most so often …"""
LADDER_ATTEMPTS = 10
"""… but the ladder is seen through: it fails early, and from a batch of 128 it has nine rungs."""
CLIP = 1.0
"""`max_grad_norm`: the default of transformers, and of most recipes since Pascanu et al. 2013 (arXiv:1211.5063)."""


def half_the_rate(proposal: Proposal, failure: JobFailed) -> Remedy:
    """For a training that became unstable; clipping is switched on where it was off."""
    config = config_of(proposal)
    rate = number(config or {}, "learning_rate")
    if config is None or rate is None:
        return Remedy("its learning rate is not in a config.yaml: halve it in the script")
    changes = {"learning_rate": rate / 2}
    told = f"learning rate {rate:g} → {rate / 2:g}"
    if number(config, "max_grad_norm", CLIP) == 0.0:
        changes["max_grad_norm"] = CLIP
        told += f", gradients clipped at {CLIP:g}"
    return Remedy(told, with_config(proposal, changes))


def nearer_to_the_reference(proposal: Proposal, failure: JobFailed) -> Remedy:
    """For a policy that ran away: twice the weight of the divergence, and half the rate (the adaptive controller of
    Ziegler et al. 2019, arXiv:1909.08593, raises the weight as well when the divergence is above its target)."""
    slower = half_the_rate(proposal, failure)
    beta = number(config_of(proposal) or {}, "beta")
    if slower.retry is None or not beta:
        return slower
    return Remedy(f"{slower.told}, beta {beta:g} → {2 * beta:g}", with_config(slower.retry, {"beta": 2 * beta}))


def fewer_checkpoints(proposal: Proposal, failure: JobFailed) -> Remedy:
    """For a full disk."""
    config = config_of(proposal)
    if config is None or config.get("save_total_limit") == 1 or config.get("save_strategy") == "no":
        return Remedy(
            "free some space, or give jobs a larger `compute.disk_gb`: it keeps no checkpoint that it could spare"
        )
    return Remedy("only the last checkpoint is kept", with_config(proposal, {"save_total_limit": 1}))


REMEDIES: dict[Category, Callable[[Proposal, JobFailed], Remedy]] = {
    "out_of_memory": less_device_memory,
    "host_out_of_memory": less_host_memory,
    "killed": less_host_memory,  # from outside, without a word: the kernel does so when memory is short
    "nan": half_the_rate,
    "diverged": half_the_rate,
    "reward_collapse": half_the_rate,
    "kl_blow_up": nearer_to_the_reference,
    "disk_full": fewer_checkpoints,
}
ALSO: dict[Category, tuple[Callable[[Proposal, JobFailed], Remedy], ...]] = {
    "nan": (nearer_to_the_reference,),
    "diverged": (nearer_to_the_reference,),
    "reward_collapse": (nearer_to_the_reference,),
    "kl_blow_up": (half_the_rate,),
}
"""What else a mind may choose; a playbook takes the first."""
LADDER: set[Category] = {"out_of_memory", "host_out_of_memory", "killed"}
ADVICE: dict[Category, str] = {
    "plateau": "the loss is as low as this recipe gets it: another recipe, or other data",
    "no_progress": "it hung; look at what its last lines wait for, and at the disk and network that it uses",
    "idle": "it does not use its device: see that it trains there (`use_cpu`), and that data comes fast enough",
    "shape_mismatch": "shapes do not fit: check the collator's padding, and that weights and config belong together",
    "dtype_mismatch": "dtypes or devices do not fit: load model and adapters under one `dtype`, on one device",
    "missing_column": "name the columns as the trainer expects them: `prompt` and `completion`, `text` or `messages`",
    "missing_file": "the path or repository is not there, or not among the job's `reads`",
    "gated_file": "ask for access on the model's page, and give the worker the token of an account that has it",
    "network": "jobs have no network unless granted: add the host to the task's `compute.hosts`, or fetch files before",
    "import_error": "add the package to the task's `compute.requirements`, or do without it",
    "argument_error": "the library does not know this argument or value: compare with the documentation of its version",
    "syntax_error": "mend the script or the YAML at the line that is quoted",
    "tokenizer_error": "tokenizer and model do not belong together, or no padding token is set (`eos_token` will do)",
    "template_error": "give the tokenizer a chat template, or train on plain `prompt` and `completion`",
    "forbidden": "the sandbox or the system does not allow it: write inside the job's folder, open fewer files",
    "time_out": "it was not done in its time: loading and saving take too long for it, so give it more `seconds`, or a "
    "smaller model",
    "nccl": "its processes lost each other: look at the machine's interconnect, or ask for one GPU",
    "driver": "the machine's driver or GPU is at fault: see that `nvidia-smi` works on it, or ask for another machine",
    "no_model": "the script ended well and left no model: save one into the job's output folder",
    "crashed": "native code crashed: try other versions of what it uses, or do without compiled kernels",
    "worker_lost": "it took its workers down with it, so it is not started again: look at their machines' logs",
    "unknown": "nothing to change in numbers would mend it",
}
"""Where code cannot mend it: what somebody should do."""


def remedy(category: Category, entry: Entry, proposal: Proposal, failure: JobFailed) -> Remedy:
    """What is done, if anything may still be tried."""
    return offered(category, entry, proposal, failure)[0]


def offered(category: Category, entry: Entry, proposal: Proposal, failure: JobFailed) -> tuple[Remedy, ...]:
    """What there is to choose from, the best first, each a change of its own; one without a retry stands alone."""
    mend = REMEDIES.get(category)
    if mend is None or proposal.job is None:
        return (Remedy(ADVICE.get(category, ADVICE["unknown"])),)
    most = LADDER_ATTEMPTS if category in LADDER else MAX_ATTEMPTS
    if entry.attempts >= most:
        return (Remedy(f"given up after {entry.attempts} attempts"),)
    first, *others = (never_unchanged(proposal, one(proposal, failure)) for one in (mend, *ALSO.get(category, ())))
    found = [first]
    for other in others:
        if first.retry is not None and other.retry is not None and other.retry not in [one.retry for one in found]:
            found.append(other)
    return tuple(found)


def never_unchanged(proposal: Proposal, remedy: Remedy) -> Remedy:
    """A retry that is the job that failed is none."""
    if remedy.retry is not None and remedy.retry.job == proposal.job:
        return Remedy(f"{remedy.told}: that changes nothing, and the same failure is not tried again")
    return remedy
