"""Supervised fine-tuning of all weights: the first thing to try where there are answers to learn from."""

from __future__ import annotations

from agents.engineer.config import common, job, pairs
from agents.engineer.plan import Range, Recipe, Space, View
from protocol.experiment import AbortCriterion, Experiment
from protocol.job import JobSpec

SMALL_MODEL_RATE = 1.5e-3
"""Peak learning rate that suits a model of a million parameters (measured on the bundled tasks) …"""
RATE_EXPONENT = 0.6
"""… and how it falls with size: 2e-5 at 1.7 billion, where the field's recipes are."""


def peak_rate(parameters: float) -> float:
    """A learning rate to begin with, by the model's size."""
    return float(f"{SMALL_MODEL_RATE * (1e6 / max(parameters, 1e5)) ** RATE_EXPONENT:.2g}")


class Sft:
    name = "sft"
    needs = "prompts with their answers"
    abort = AbortCriterion(patience=5, min_gain=0.005, max_failures=3)
    starts_from_incumbent = False
    bottom_jobs = 4
    bottom_share = 0.05

    def unfit(self, view: View) -> str | None:
        return None if view.request.mixture.rows else "there are no rows to learn from"

    def first(self, view: View) -> Recipe:
        return {
            "learning_rate": peak_rate(view.parameters),
            "per_device_train_batch_size": 16,
            "weight_decay": 0.01,
            "warmup_share": 0.05,
        }

    def space(self, view: View) -> Space:
        rate = peak_rate(view.parameters)
        return {
            "learning_rate": Range(rate / 2, rate * 2, log=True),
            "per_device_train_batch_size": (8, 16, 32),
            "weight_decay": (0.0, 0.01, 0.1),
        }

    def job(self, view: View, experiment: Experiment) -> JobSpec | None:
        config = common(view, experiment) | pairs(view) | experiment.recipe
        return job(view, experiment, "sft.py", config)


SFT = Sft()
