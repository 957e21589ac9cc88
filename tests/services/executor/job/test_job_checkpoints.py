"""Time accounting over deliveries, and which checkpoints are kept: the callback as the Trainer calls it."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from services.executor.job.channel import Channel
from services.executor.job.checkpoints import keep_newest
from services.executor.job.events import FILE_EVENT, Checkpoint, FileEvent, TrainBegan, TrainEnded


def told(folder: Path) -> list[FileEvent]:
    return [FILE_EVENT.validate_json(line) for line in (folder / "events.jsonl").read_text().splitlines()]


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def make(folder: Path, *steps: int) -> None:
    for step in steps:
        (folder / f"checkpoint-{step}").mkdir(parents=True)
        (folder / f"checkpoint-{step}" / "model.safetensors").touch()


def test_time_up_to_the_checkpoint_counts_and_what_was_lost_with_the_worker_does_not(tmp_path: Path) -> None:
    from transformers import TrainerControl, TrainerState, TrainingArguments

    from services.executor.job.callback import JobCallback

    arguments, control = TrainingArguments(output_dir=str(tmp_path), use_cpu=True), TrainerControl()
    stop_at = time.monotonic() + 100.0
    first, state = JobCallback(Channel(tmp_path / "events.jsonl"), stop_at), TrainerState(max_steps=50)
    first.on_train_begin(arguments, state, control)
    first._begun -= 30.0
    state.global_step = 5
    state.log_history = [{"step": 5, "loss": 0.5}]
    first.on_step_end(arguments, state, control)
    state.save_to_json(str(tmp_path / "trainer_state.json"))
    first._begun -= 20.0  # lost

    second, loaded = (
        JobCallback(Channel(tmp_path / "events.jsonl"), stop_at),
        TrainerState.load_from_json(str(tmp_path / "trainer_state.json")),
    )
    second.on_train_begin(arguments, loaded, control)
    assert second.stop_at == pytest.approx(stop_at - 30.0, abs=1.0)
    second._begun -= 10.0
    second.on_train_end(arguments, loaded, control)
    began, ended = [event for event in told(tmp_path) if isinstance(event, TrainBegan | TrainEnded)][1:]
    assert isinstance(began, TrainBegan) and (began.step, began.seconds) == (5, pytest.approx(30.0, abs=1.0))
    assert isinstance(ended, TrainEnded) and ended.seconds == pytest.approx(40.0, abs=1.0)
    assert ended.loss == 0.5, "of the last step, though another worker made it"

    again = TrainerState(max_steps=5)  # another training of the same script begins anew
    second.on_train_begin(arguments, again, control)
    assert second.stop_at == pytest.approx(stop_at - 30.0, abs=1.0)


def test_an_old_checkpoint_goes_when_the_new_one_is_noted(tmp_path: Path) -> None:
    from transformers import TrainerControl, TrainerState, TrainingArguments

    from services.executor.job.callback import JobCallback

    arguments = TrainingArguments(output_dir=str(tmp_path / "out"), use_cpu=True, save_total_limit=1)
    callback, state, control = JobCallback(Channel(tmp_path / "events.jsonl"), 1e18), TrainerState(), TrainerControl()
    callback.on_train_begin(arguments, state, control)
    assert arguments.save_total_limit is None, "the Trainer itself would delete the old one first"
    make(tmp_path / "out", 5, 10)
    state.global_step = 10
    callback.on_save(arguments, state, control)
    assert names(tmp_path / "out") == ["checkpoint-10"]
    assert isinstance(told(tmp_path)[-1], Checkpoint)
    callback.on_train_end(arguments, state, control)
    assert arguments.save_total_limit == 1


def test_the_newest_and_the_best_are_kept(tmp_path: Path) -> None:
    make(tmp_path, 5, 10, 15, 100)
    make(tmp_path / "old-checkpoint-5", 1)  # left by a crash
    (tmp_path / "checkpoint-x").mkdir()
    keep_newest(tmp_path, 2, best=str(tmp_path / "checkpoint-10"))
    assert names(tmp_path) == ["checkpoint-10", "checkpoint-100", "checkpoint-15", "checkpoint-x"]
