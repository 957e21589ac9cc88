"""Trains for a number of seconds: the learning rate warms up, then falls linearly to zero just as time is over.

Budgeted training (Li, Yumer and Ramanan 2020, arXiv:1905.04753): under a fixed budget, a linear decay that ends with
the budget is close to the best schedule, and it needs no guess of how many steps the machine will make.
Copied into job folders by the Engineer, beside the script that uses it.

Where several processes train, the first one's clock counts for all: at rates of their own their copies of the model
would drift apart, and one that stopped alone would leave the others waiting.

It notes the rate of each step in `learning_rates.jsonl` beside the model. Where a file of that name stands beside the
script, it makes those steps at those rates instead, however long they take: so a bundle repeats a training.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import torch
import torch.distributed
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments
from transformers.trainer_callback import ExportableState

RECORD = "learning_rates.jsonl"


class SecondsSchedule(TrainerCallback, ExportableState):
    """Use with `lr_scheduler_type: constant` and a `max_steps` that is out of reach."""

    def __init__(self, seconds: float, peak: float, warmup: float = 0.05) -> None:
        """`seconds` to train, `peak` learning rate, `warmup` as a fraction of the time."""
        self.seconds, self.peak, self.warmup = seconds, peak, warmup
        self.begun = time.monotonic()
        self._group: Any = None
        """Of several processes, over the CPU: asking does not wait for the GPU's queue."""
        self.repeated = _lines(Path(RECORD)) or None
        """The rates to repeat; None: by the clock."""

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

    def agreed(self, value: float) -> float:
        """The first process's, in all of them; all must ask."""
        if self._group is None:
            return value
        said = torch.tensor([value], dtype=torch.float64)
        torch.distributed.broadcast(said, src=0, group=self._group)
        return float(said.item())

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        if args.world_size > 1:
            self._group = torch.distributed.new_group(backend="gloo")
        self.begun = time.monotonic()
        kept = state.stateful_callbacks.setdefault(type(self).__name__, self.state())
        if state.global_step:  # this goes on from a checkpoint
            self.begun -= kept["attributes"]["spent"]
        if state.is_world_process_zero:
            _keep(Path(args.output_dir) / RECORD, state.global_step)

    def on_step_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        if self.repeated is None:
            rate = self.agreed(self.rate())
        else:
            rate = self.repeated[min(state.global_step, len(self.repeated) - 1)]
        for group in kwargs["optimizer"].param_groups:
            group["lr"] = rate
        if state.is_world_process_zero:
            with (Path(args.output_dir) / RECORD).open("a") as record:
                record.write(f"{rate!r}\n")

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        if self.repeated is not None:
            state.max_steps = len(self.repeated)
            control.should_training_stop = control.should_training_stop or state.global_step >= state.max_steps
            return
        share = self.agreed(self.share())
        state.max_steps = max(state.global_step, round(state.global_step / max(share, 1e-6)))  # for progress bars
        if share >= 1.0:
            control.should_training_stop = True


def _keep(record: Path, steps: int) -> None:
    """Leave the rates of the first so many steps: those after the checkpoint are made again. A record that does not
    reach so far, since another machine made those steps, is begun anew, and is then too short to be taken for whole."""
    rates = _lines(record)[:steps]
    record.parent.mkdir(parents=True, exist_ok=True)
    record.write_text("".join(f"{rate!r}\n" for rate in rates) if len(rates) == steps else "")


def _lines(path: Path) -> list[float]:
    try:
        return [float(json.loads(line)) for line in path.read_text().splitlines()]
    except FileNotFoundError:
        return []
