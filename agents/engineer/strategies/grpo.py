"""GRPO with the task's metric as reward: practice, where the model is right sometimes and wrong sometimes."""

from __future__ import annotations

from agents.engineer.config import common, generation, job, reward
from agents.engineer.plan import Range, Recipe, Space, View
from agents.engineer.strategies.sft import peak_rate
from protocol.benchmark import kind_of
from protocol.experiment import AbortCriterion, Experiment
from protocol.job import JobSpec

RATE_FACTOR = 0.1
"""Reinforcement learning takes about a tenth of the rate of fine-tuning."""
CHANCE = (0.05, 0.97)
"""Below, hardly any group has a right answer to learn from; above, hardly any has a wrong one."""


def practice_unfit(view: View) -> str | None:
    """Why learning from one's own answers cannot work yet, or None."""
    if kind_of(view.request.task.metric):
        return "the metric is a benchmark, which gives no reward for a single answer"
    if view.request.task.metric.startswith("grader:"):
        return "the metric is a program, which is too slow for a reward"
    value = view.best.value if view.best else 0.0
    if not CHANCE[0] <= value <= CHANCE[1]:
        return f"the model is right in {value:.0%} of cases: too {'rarely' if value < CHANCE[0] else 'often'}"
    return None


class Grpo:
    name = "grpo"
    needs = "a verifiable metric, and a model that is right sometimes"
    abort = AbortCriterion(patience=3, min_gain=0.005, max_failures=2)
    starts_from_incumbent = True
    bottom_jobs = 2
    bottom_share = 0.12

    def unfit(self, view: View) -> str | None:
        return practice_unfit(view)

    def first(self, view: View) -> Recipe:
        return {
            "learning_rate": float(f"{peak_rate(view.parameters) * RATE_FACTOR:.2g}"),
            "num_generations": 8,
            "per_device_train_batch_size": 128,
            "beta": 0.0,
            "temperature": 1.0,
        }

    def space(self, view: View) -> Space:
        rate = peak_rate(view.parameters) * RATE_FACTOR
        return {
            "learning_rate": Range(rate / 4, rate * 4, log=True),
            "num_generations": (4, 8, 16),
            "temperature": (0.8, 1.0, 1.2),
        }

    def job(self, view: View, experiment: Experiment) -> JobSpec | None:
        config = (
            common(view, experiment)
            | reward(view)
            | generation(view)
            | {
                "max_completion_length": view.request.decoding.max_new_tokens,
                "scale_rewards": "group",
            }
        )
        return job(view, experiment, "grpo.py", config | experiment.recipe, with_metric=True)


GRPO = Grpo()
