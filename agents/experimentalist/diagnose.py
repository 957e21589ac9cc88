"""Why a job failed, from its evidence, and the remedy. Remedies change numbers, never method, data or base model."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import yaml

from agents.role import Ask
from protocol.experiment import Proposal
from protocol.schedule import DiagnoseRequest, Diagnosis

MAX_ATTEMPTS = 3
"""A job is started at most so often."""
CONFIG = "config.yaml"


@dataclass(frozen=True)
class Rule:
    """Evidence that names a category."""

    category: str
    pattern: re.Pattern[str]


def _rule(category: str, pattern: str) -> Rule:
    return Rule(category, re.compile(pattern, re.IGNORECASE))


RULES = (
    _rule("out_of_memory", r"out of memory|memory limit|DefaultCPUAllocator|MemoryError"),
    _rule("disk_full", r"No space left on device|Errno 28|Disk quota"),
    _rule("nan", r"\bnan\b|\binf\b|diverged"),
    _rule("time_out", r"time limit|timed out"),
    _rule("missing_column", r"KeyError: '|column .*not (found|in)|columns? .* missing"),
    _rule("import_error", r"ModuleNotFoundError|ImportError"),
    _rule("argument_error", r"unexpected keyword|Some specified arguments are not used|TypeError|ValueError"),
    _rule("missing_file", r"FileNotFoundError|No such file|does not exist|RepositoryNotFound|GatedRepo"),
    _rule("worker_lost", r"lost its worker"),
    _rule("killed", r"killed|signal 9|SIGKILL"),
)


async def diagnose(request: DiagnoseRequest, ask: Ask) -> Diagnosis:
    """The first rule whose evidence is there decides; the last lines are looked at before the earlier ones."""
    category, evidence = _category(request)
    retry, remedy = _remedy(category, request)
    return Diagnosis(
        experiment=request.entry.experiment.id,
        job=request.failure.job,
        category=category,  # type: ignore[arg-type]
        evidence=evidence,
        remedy=remedy,
        retry=retry,
    )


def _category(request: DiagnoseRequest) -> tuple[str, tuple[str, ...]]:
    lines = [request.failure.reason, *reversed(request.failure.evidence)]
    for rule in RULES:
        found = tuple(line.strip()[:300] for line in lines if rule.pattern.search(line))
        if found:
            return rule.category, found[:3]
    return "unknown", tuple(line.strip()[:300] for line in lines[:3])


def _remedy(category: str, request: DiagnoseRequest) -> tuple[Proposal | None, str]:
    if request.entry.attempts >= MAX_ATTEMPTS:
        return None, f"given up after {request.entry.attempts} attempts"
    if category == "out_of_memory":
        return _smaller_batches(request.proposal)
    if category == "nan":
        return _changed(request.proposal, "learning_rate", 0.5, "half the learning rate")
    if category == "killed":  # from outside, without a word: the kernel does so when memory is short
        return _smaller_batches(request.proposal)
    return None, "nothing to change in numbers would mend it"


def _smaller_batches(proposal: Proposal) -> tuple[Proposal | None, str]:
    """Half the batch, twice the accumulation: the same method at half the memory."""
    config = _config(proposal)
    batch = int(config.get("per_device_train_batch_size", 8))
    if batch <= 1:
        return None, "the batch is 1 already: it needs a device with more memory"
    config["per_device_train_batch_size"] = batch // 2
    config["gradient_accumulation_steps"] = 2 * int(config.get("gradient_accumulation_steps", 1))
    return _mended(proposal, config), f"batch {batch} → {batch // 2}, accumulation doubled"


def _changed(proposal: Proposal, name: str, factor: float, told: str) -> tuple[Proposal | None, str]:
    config = _config(proposal)
    if not isinstance(config.get(name), int | float):
        return None, f"{name} is not in its config"
    config[name] = config[name] * factor
    return _mended(proposal, config), told


def _config(proposal: Proposal) -> dict[str, Any]:
    if proposal.job is None or CONFIG not in proposal.job.files:
        return {}
    loaded = yaml.safe_load(proposal.job.files[CONFIG])
    return loaded if isinstance(loaded, dict) else {}


def _mended(proposal: Proposal, config: dict[str, Any]) -> Proposal:
    assert proposal.job is not None
    files = dict(proposal.job.files) | {CONFIG: yaml.safe_dump(config, sort_keys=False)}
    recipe = {name: config.get(name, value) for name, value in proposal.experiment.recipe.items()}
    experiment = proposal.experiment.model_copy(update={"recipe": recipe})
    return Proposal(experiment=experiment, job=proposal.job.model_copy(update={"files": files}))
