"""LoRA (Hu et al. 2021, arXiv:2106.09685): low-rank adapters, where memory is short or the base must not drift."""

from __future__ import annotations

from agents.engineer.config import common, job, pairs
from agents.engineer.plan import Range, Recipe, Space, View
from agents.engineer.strategies.sft import peak_rate
from protocol.experiment import AbortCriterion, Experiment
from protocol.job import JobSpec

RATE_FACTOR = 10.0
"""Adapters take about ten times the rate of full fine-tuning (Schulman et al. 2025, "LoRA Without Regret")."""
MAX_RATE = 2e-2


class Lora:
    name = "lora"
    needs = "prompts with their answers, and little memory"
    abort = AbortCriterion(patience=3, min_gain=0.005, max_failures=2)
    starts_from_incumbent = True
    bottom_jobs = 3
    bottom_share = 0.05

    def unfit(self, view: View) -> str | None:
        return None if view.request.mixture.rows else "there are no rows to learn from"

    def first(self, view: View) -> Recipe:
        return {
            "learning_rate": min(MAX_RATE, peak_rate(view.parameters) * RATE_FACTOR),
            "per_device_train_batch_size": 16,
            "lora_r": 16,
            "lora_alpha": 32,
            "warmup_share": 0.05,
        }

    def space(self, view: View) -> Space:
        rate = min(MAX_RATE, peak_rate(view.parameters) * RATE_FACTOR)
        return {
            "learning_rate": Range(rate / 5, rate * 2, log=True),
            "per_device_train_batch_size": (8, 16, 32),
            "lora_r": (8, 16, 32),
        }

    def job(self, view: View, experiment: Experiment) -> JobSpec | None:
        config = (
            common(view, experiment)
            | pairs(view)
            | {
                "use_peft": True,
                "lora_target_modules": "all-linear",
            }
        )
        return job(view, experiment, "sft.py", config | experiment.recipe)


LORA = Lora()
