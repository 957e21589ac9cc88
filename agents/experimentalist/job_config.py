"""The `config.yaml` of a proposed job: read, and written back changed. Used by the remedies."""

from __future__ import annotations

from typing import Any

import yaml

from protocol.experiment import Proposal

CONFIG = "config.yaml"
TRAINER_BATCH = 8
"""`per_device_train_batch_size` where a config says nothing
(https://huggingface.co/docs/transformers/main_classes/trainer#transformers.TrainingArguments)."""


def config_of(proposal: Proposal) -> dict[str, Any] | None:
    """None for a job whose script is not configured by our file."""
    text = proposal.job.files.get(CONFIG) if proposal.job is not None else None
    try:
        loaded = yaml.safe_load(text) if text is not None else None
    except yaml.YAMLError:  # a script that does not read it may have any text there
        return None
    return loaded if isinstance(loaded, dict) else None


def number(config: dict[str, Any], name: str, default: float | None = None) -> float | None:
    """A figure of a config; YAML reads `1e-4` as a text."""
    try:
        return float(config.get(name, default))  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None


def with_config(proposal: Proposal, changes: dict[str, Any]) -> Proposal:
    """The proposal with these keys changed, in its experiment's recipe too."""
    assert proposal.job is not None
    text = proposal.job.files[CONFIG]
    head = "".join(line for line in text.splitlines(keepends=True) if line.startswith("#"))
    config = yaml.safe_load(text) | changes
    files = dict(proposal.job.files) | {CONFIG: head + yaml.safe_dump(config, sort_keys=False)}
    recipe = {name: config.get(name, value) for name, value in proposal.experiment.recipe.items()}
    experiment = proposal.experiment.model_copy(update={"recipe": recipe})
    return Proposal(experiment=experiment, job=proposal.job.model_copy(update={"files": files}))
