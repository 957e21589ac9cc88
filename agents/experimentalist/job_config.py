"""The `config.yaml` of a proposed job: read, and written back changed. Used by the remedies."""

from __future__ import annotations

from typing import Any

import yaml

from protocol.experiment import Proposal
from tools.sizing import recipe as sizes

CONFIG = "config.yaml"
BATCH, ACCUMULATION, STEPS = "per_device_train_batch_size", "gradient_accumulation_steps", "steps_per_generation"


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
    """The proposal with these keys changed, in its experiment's recipe too, from which later ones are made."""
    assert proposal.job is not None
    text = proposal.job.files[CONFIG]
    head = "".join(line for line in text.splitlines(keepends=True) if line.startswith("#"))
    config = yaml.safe_load(text)
    files = dict(proposal.job.files) | {CONFIG: head + yaml.safe_dump(config | changes, sort_keys=False)}
    recipe = _recipe(proposal.experiment.recipe, config, changes)
    experiment = proposal.experiment.model_copy(update={"recipe": recipe})
    return Proposal(experiment=experiment, job=proposal.job.model_copy(update={"files": files}))


def _recipe(asked: dict[str, Any], config: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """The recipe with the same changes. Its batch is that of all processes together, the config's that of one: it
    shrinks by as much as the accumulation grows."""
    recipe = {name: changes.get(name, value) for name, value in asked.items()}
    if BATCH in asked and BATCH in changes:
        factor = int(number(config, BATCH) or sizes.TRAINER_BATCH) // changes[BATCH]
        recipe[BATCH] = max(1, sizes.batch(asked) // factor)
        recipe[ACCUMULATION] = sizes.accumulation(asked) * factor
        recipe |= {name: changes[name] for name in (STEPS,) if name in changes}
    return recipe
