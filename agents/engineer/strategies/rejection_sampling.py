"""Rejection sampling: train on the model's own answers that the metric finds right, beside the given ones."""

from __future__ import annotations

from agents.engineer.config import common, job, pairs, reward
from agents.engineer.plan import Range, Recipe, Space, View
from agents.engineer.strategies.grpo import practice_unfit
from agents.engineer.strategies.sft import peak_rate
from protocol.experiment import AbortCriterion, Experiment
from protocol.job import JobSpec


class RejectionSampling:
    name = "rejection_sampling"
    needs = "a verifiable metric, and a model that is right sometimes"
    abort = AbortCriterion(patience=2, min_gain=0.005, max_failures=2)
    starts_from_incumbent = True
    bottom_jobs = 2
    bottom_share = 0.12

    def unfit(self, view: View) -> str | None:
        return practice_unfit(view)

    def first(self, view: View) -> Recipe:
        return {
            "learning_rate": float(f"{peak_rate(view.parameters) / 2:.2g}"),
            "per_device_train_batch_size": 16,
            "samples": 4,
            "temperature": 0.8,
        }

    def space(self, view: View) -> Space:
        rate = peak_rate(view.parameters) / 2
        return {
            "learning_rate": Range(rate / 4, rate * 2, log=True),
            "samples": (2, 4, 8),
            "temperature": (0.6, 0.8, 1.0),
        }

    def job(self, view: View, experiment: Experiment) -> JobSpec | None:
        config = (
            common(view, experiment)
            | pairs(view)
            | reward(view)
            | {
                "max_new_tokens": view.request.decoding.max_new_tokens,
            }
        )
        return job(view, experiment, "rejection_sampling.py", config | experiment.recipe, with_metric=True)


REJECTION_SAMPLING = RejectionSampling()
