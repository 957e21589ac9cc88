"""What the executor adds to every Trainer in a job, without a change in its script: figures, an end in time, and
checkpoints of which one is whole at every moment.

Registered by the forked child before the script runs, in `transformers.trainer.DEFAULT_CALLBACKS`, from which each
Trainer (and so each of TRL's) takes its first callbacks. It appends to `events.jsonl` in the job's folder.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import torch
import transformers.trainer
from transformers.trainer_callback import TrainerCallback, TrainerControl, TrainerState
from transformers.training_args import TrainingArguments

from services.executor.job.agreement import Agreement
from services.executor.job.channel import Channel
from services.executor.job.checkpoints import keep_newest, last_loss, train_no_further, trained_before, write_trained
from services.executor.job.events import Checkpoint, Metric, Pulse, TrainBegan, TrainEnded
from services.executor.job.threads import ThreadTuner

PULSE_SECONDS = 1.0


class JobCallback(TrainerCallback):
    """Writes what the Trainer does; ends the training at `stop_at` (monotonic), or when asked by SIGUSR1."""

    def __init__(self, channel: Channel, stop_at: float, threads: int = 1, steps: int | None = None) -> None:
        """`steps`: each training ends after so many of them."""
        self.channel, self.stop_at = channel, stop_at
        self._steps, self._first_step = steps, 0
        self._tuner = ThreadTuner(1 if torch.cuda.is_available() else threads)
        self._begun = self._step_begun = time.monotonic()
        self._pulse_at = 0.0
        self._trained = self._carried = 0.0
        self._keep: int | None = None
        self._loss: float | None = None
        self._stopped = False
        self._agreement = Agreement(1)

    def install(self) -> None:
        """Register for every Trainer to come."""
        transformers.trainer.DEFAULT_CALLBACKS.append(self)
        train_no_further(transformers.trainer.Trainer)

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        args.logging_nan_inf_filter = False  # it would log the mean of the steps before in place of a NaN
        self._begun = self._step_begun = time.monotonic()
        self._loss, self._stopped, self._first_step = last_loss(state), False, state.global_step
        self._agreement = Agreement(args.world_size)
        # what this process has not trained itself was trained before it, and counts against the job's time
        self._carried = max(0.0, trained_before(state) - self._trained)
        self._trained += self._carried
        self.stop_at -= self._carried
        self._keep, args.save_total_limit = args.save_total_limit, None
        if state.is_world_process_zero:
            self.channel.write(TrainBegan(step=state.global_step, max_steps=state.max_steps, seconds=self._carried))

    def on_step_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        self._step_begun = time.monotonic()

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        self._pulse(state, control)
        now = time.monotonic()
        step_seconds = now - self._step_begun
        self._use_threads(self._tuner.after(step_seconds, now))
        last = state.global_step >= state.max_steps
        # a GRPO step may take half a minute: the next one is not begun when it would end too late
        over = self.channel.asked_to_stop or now + step_seconds > self.stop_at or self._tried(state)
        if not last and self._agreement.any(over):
            self._stopped = control.should_training_stop = True
        write_trained(state, self._trained + now - self._begun)
        if control.should_training_stop:
            control.should_log = True  # so that the last loss is the last step's, whatever `logging_steps` is

    def _tried(self, state: TrainerState) -> bool:
        """Whether it has made the steps that were asked for."""
        return self._steps is not None and state.global_step - self._first_step >= self._steps

    def on_substep_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        self._pulse(state, control)

    def on_prediction_step(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        self._pulse(state, control)

    def _pulse(self, state: TrainerState, control: TrainerControl) -> None:
        now, saves = time.monotonic(), bool(control.should_save)
        if state.is_world_process_zero and (saves or now - self._pulse_at >= PULSE_SECONDS):
            self._pulse_at = now
            self.channel.write(Pulse(step=state.global_step, saves=saves))

    def _use_threads(self, threads: int) -> None:
        if threads != torch.get_num_threads():
            torch.set_num_threads(threads)

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        values = {name: number for name, value in (logs or {}).items() if (number := _number(value)) is not None}
        self._loss = values.get("loss", self._loss)
        if values and state.is_world_process_zero:
            self.channel.write(Metric(step=state.global_step, max_steps=state.max_steps, values=values, at=time.time()))

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        self._agreement.wait()  # the others may still write their part of it
        if state.is_world_process_zero:
            path = Path(str(args.output_dir)).resolve() / f"checkpoint-{state.global_step}"
            self.channel.write(Checkpoint(step=state.global_step, path=str(path)))
            if self._keep:  # only now: were the old one gone before the new one is noted, a crash could lose both
                keep_newest(path.parent, self._keep, state.best_model_checkpoint)

    def on_train_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        seconds = time.monotonic() - self._begun
        self._trained += seconds
        args.save_total_limit = self._keep
        if state.is_world_process_zero:
            self.channel.write(
                TrainEnded(
                    step=state.global_step,
                    seconds=self._carried + seconds,
                    loss=self._loss,
                    stopped_early=self._stopped,
                )
            )


def _number(value: object) -> float | None:
    """A figure as a float (tensors and NumPy scalars too); None for what is none."""
    try:
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None
