"""Numbers by search, not by language models: Optuna's TPE inside one strategy's space.

The study is made anew for every question, from the ledger's entries, so the Engineer keeps no state. Tree-structured
Parzen estimator: Bergstra et al. 2011, "Algorithms for Hyper-Parameter Optimization".
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution

from agents.engineer.plan import Range, Recipe, Space
from protocol.experiment import Entry
from tools.sizing import recipe as sizes

STARTUP_TRIALS = 3
"""Random draws before the model of good and bad regions is trusted; few, since every trial is a training."""


def suggest(space: Space, first: Recipe, past: Sequence[Entry], seed_text: str) -> Recipe:
    """The next recipe: `first` when nothing was tried, else a suggestion from what was scored (any rung)."""
    if not past:
        return dict(first)
    distributions = {name: _distribution(choice) for name, choice in space.items()}
    if not distributions:
        return dict(first)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    seed = int(hashlib.sha256(f"{seed_text}:{len(past)}".encode()).hexdigest()[:8], 16)
    sampler = optuna.samplers.TPESampler(seed=seed, n_startup_trials=STARTUP_TRIALS, multivariate=True)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    for entry in past:
        _add(study, distributions, entry)
    chosen = study.ask(distributions).params
    return {**first, **chosen}


def _add(study: optuna.Study, distributions: dict[str, BaseDistribution], entry: Entry) -> None:
    """One past experiment as a finished trial; a killed or failed one counts as the worst."""
    params = {name: _whole(entry.experiment.recipe).get(name) for name in distributions}
    if entry.score is None and entry.status not in ("killed", "failed"):
        return
    if any(not _inside(distributions[name], value) for name, value in params.items()):
        return
    value = entry.score.value if entry.score is not None else 0.0
    study.add_trial(optuna.trial.create_trial(params=params, distributions=distributions, value=value))


def _whole(recipe: Recipe) -> Recipe:
    """With the batch that a step of the optimizer saw: a remedy may have parted it."""
    name, parts = "per_device_train_batch_size", sizes.accumulation(recipe)
    return recipe if parts == 1 or name not in recipe else recipe | {name: sizes.batch(recipe) * parts}


def _inside(distribution: BaseDistribution, value: Any) -> bool:
    if isinstance(distribution, CategoricalDistribution):
        return value in distribution.choices
    assert isinstance(distribution, FloatDistribution)
    return isinstance(value, int | float) and distribution.low <= value <= distribution.high


def _distribution(choice: Range | tuple[Any, ...]) -> BaseDistribution:
    if isinstance(choice, Range):
        return FloatDistribution(choice.low, choice.high, log=choice.log)
    return CategoricalDistribution(choice)
