"""Trains for a number of seconds: the learning rate warms up, then falls linearly to zero just as time is over.

Budgeted training (Li, Yumer and Ramanan 2020, arXiv:1905.04753): under a fixed budget, a linear decay that ends with
the budget is close to the best schedule, and it needs no guess of how many steps the machine will make.
Copied into job folders by the Engineer, beside the script that uses it.
"""

from __future__ import annotations

import time
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments
from transformers.trainer_callback import ExportableState


class SecondsSchedule(TrainerCallback, ExportableState):
    """Use with `lr_scheduler_type: constant` and a `max_steps` that is out of reach."""

    def __init__(self, seconds: float, peak: float, warmup: float = 0.05) -> None:
        """`seconds` to train, `peak` learning rate, `warmup` as a fraction of the time."""
        self.seconds, self.peak, self.warmup = seconds, peak, warmup
        self.begun = time.monotonic()

    def state(self) -> dict[str, Any]:
        """What the Trainer writes into each checkpoint: how much of the time is over."""
        arguments = {"seconds": self.seconds, "peak": self.peak, "warmup": self.warmup}
        return {"args": arguments, "attributes": {"spent": time.monotonic() - self.begun}}

    def share(self) -> float:
        """How much of the time is over, 0 to 1."""
        return min(1.0, (time.monotonic() - self.begun) / self.seconds)

    def rate(self) -> float:
        done = self.share()
        if done < self.warmup:
            return self.peak * max(0.01, done / self.warmup)
        return self.peak * max(0.0, (1.0 - done) / (1.0 - self.warmup))

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        self.begun = time.monotonic()
        kept = state.stateful_callbacks.setdefault(type(self).__name__, self.state())
        if state.global_step:  # this goes on from a checkpoint
            self.begun -= kept["attributes"]["spent"]

    def on_step_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        rate = self.rate()
        for group in kwargs["optimizer"].param_groups:
            group["lr"] = rate

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        share = self.share()
        state.max_steps = max(state.global_step, round(state.global_step / max(share, 1e-6)))  # for progress bars
        if share >= 1.0:
            control.should_training_stop = True
