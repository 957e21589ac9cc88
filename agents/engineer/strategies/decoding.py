"""Decoding: the incumbent's weights, asked another way. Costs a scoring and no training."""

from __future__ import annotations

from agents.engineer.plan import Recipe, Space, View
from protocol.experiment import AbortCriterion, Experiment
from protocol.job import JobSpec


class DecodingPlan:
    name = "decoding"
    needs = "a trained model"
    abort = AbortCriterion(patience=2, min_gain=0.005, max_failures=2)
    starts_from_incumbent = True
    bottom_jobs = 2
    bottom_share = 0.0

    def unfit(self, view: View) -> str | None:
        if view.request.decoding.benchmark is not None:
            return "the benchmark itself says how it prompts and decodes"
        return None if view.incumbent is not None else "the base's decoding was chosen when the floor was banked"

    def first(self, view: View) -> Recipe:
        return {"shots": 2}

    def space(self, view: View) -> Space:
        return {"shots": (1, 2, 4)}

    def job(self, view: View, experiment: Experiment) -> JobSpec | None:
        return None


DECODING = DecodingPlan()
