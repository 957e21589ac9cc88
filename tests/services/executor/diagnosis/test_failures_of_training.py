"""Trainings that go wrong, and are stopped by the rules: NaN, divergence, collapse, KL, no progress, idle device."""

from __future__ import annotations

from pathlib import Path

from provoke import Provoker, named

from services.executor.watch.thresholds import Thresholds

NAN = "import tiny\ntiny.sft(learning_rate=1e30, max_grad_norm=0.0, optim='sgd').train()"
LAST_LOSS_NAN = (
    "import tiny\nt = tiny.sft(learning_rate=1e30, max_steps=2, max_grad_norm=0.0)\nt.train()\nt.save_model('model')"
)
INF = """
import tiny, torch
from trl import SFTTrainer

class Overflows(SFTTrainer):
    def compute_loss(self, model, inputs, **kwargs):
        return model(**inputs).loss + 10 * torch.tensor(3e38)

tiny.sft(trainer=Overflows).train()
"""
DIVERGES = (
    "import tiny\ntiny.sft(learning_rate=30.0, max_grad_norm=1.0, optim='sgd', lr_scheduler_type='constant').train()"
)
FLAT = "import tiny\ntiny.sft(learning_rate=0.0, max_steps=12).train()"
SAMPLES_NAN = """
import tiny, torch
model, t = tiny.model(), tiny.tokenizer()
with torch.no_grad():
    model.lm_head.weight.fill_(float("nan"))
model.generate(**t(["a b"], return_tensors="pt", return_token_type_ids=False), do_sample=True, max_new_tokens=2)
"""
COLLAPSES = """
import tiny
calls = 0

def reward(completions, **kwargs):
    global calls
    calls += 1
    return [(1.0 if calls <= 12 else 0.1) + 0.01 * n for n, _ in enumerate(completions)]

tiny.grpo(reward).train()
"""
NOTHING_TO_LEARN = "import tiny\ntiny.grpo(lambda completions, **kwargs: [0.0] * len(completions)).train()"
KL = """
import tiny
tiny.grpo(lambda completions, **kwargs: [float(len(set(c))) for c in completions], beta=1e-6, learning_rate=0.5,
          lr_scheduler_type="constant").train()
"""
STOPS_STEPPING = """
import time, tiny
from transformers import TrainerCallback

class Hangs(TrainerCallback):
    def on_step_begin(self, arguments, state, control, **kwargs):
        if state.global_step == 3:
            while True: time.sleep(0.01)

tiny.sft(callbacks=[Hangs()]).train()
"""
SLEEPS = """
import time, tiny
from transformers import TrainerCallback

class Starved(TrainerCallback):
    def on_step_begin(self, arguments, state, control, **kwargs):
        time.sleep(1.0)

tiny.sft(callbacks=[Starved()]).train()
"""
IMPATIENT = Thresholds(step_seconds=1.0, step_factor=2.0, first_step_seconds=30.0)


def alerted_first(provoker: Provoker) -> None:
    """An alert, then a kill, each with figures."""
    assert [alarm.kill for alarm in provoker.alarms] == [False, True], provoker.alarms
    assert all(any(char.isdigit() for char in alarm.evidence) for alarm in provoker.alarms)


def test_a_learning_rate_beyond_all_bounds(provoker: Provoker, tmp_path: Path) -> None:
    named(provoker.fail(tmp_path, NAN), "nan", "loss is nan at step")
    alerted_first(provoker)


def test_a_training_that_ends_in_nan_has_failed(provoker: Provoker, tmp_path: Path) -> None:
    named(provoker.fail(tmp_path, LAST_LOSS_NAN), "nan", "loss is nan at step 2")


def test_a_loss_that_overflows(provoker: Provoker, tmp_path: Path) -> None:
    named(provoker.fail(tmp_path, INF), "nan", "loss is inf at step 1")
    alerted_first(provoker)


def test_a_loss_that_diverges(provoker: Provoker, tmp_path: Path) -> None:
    named(provoker.fail(tmp_path, DIVERGES), "diverged", "logs in a row above")
    alerted_first(provoker)


def test_a_loss_that_does_not_fall_is_told(provoker: Provoker, tmp_path: Path) -> None:
    patience = Thresholds(plateau_window=2, plateau_windows=2)
    named(provoker.fail(tmp_path, FLAT, thresholds=patience), "no_model", "no folder model")
    assert [(alarm.rule, alarm.kill) for alarm in provoker.alarms] == [("plateau", False)]


def test_a_loss_that_does_not_fall_kills_where_that_is_asked_for(provoker: Provoker, tmp_path: Path) -> None:
    patience = Thresholds(plateau_window=2, plateau_windows=2, plateau_kills=True)
    named(provoker.fail(tmp_path, FLAT, thresholds=patience), "plateau", "without an improvement")


def test_sampling_from_nan(provoker: Provoker, tmp_path: Path) -> None:
    named(provoker.fail(tmp_path, SAMPLES_NAN), "nan", "probability tensor contains either")


def test_a_reward_that_collapses(provoker: Provoker, tmp_path: Path) -> None:
    named(provoker.fail(tmp_path, COLLAPSES), "reward_collapse", "best 1.0")
    alerted_first(provoker)


def test_rewards_that_are_all_alike(provoker: Provoker, tmp_path: Path) -> None:
    named(provoker.fail(tmp_path, NOTHING_TO_LEARN), "reward_collapse", "all rewards of every group alike")
    alerted_first(provoker)


def test_a_policy_that_runs_away(provoker: Provoker, tmp_path: Path) -> None:
    named(provoker.fail(tmp_path, KL), "kl_blow_up", "nats a token")
    alerted_first(provoker)


def test_a_training_that_stops_stepping(provoker: Provoker, tmp_path: Path) -> None:
    named(provoker.fail(tmp_path, STOPS_STEPPING, thresholds=IMPATIENT), "no_progress", "after step 3")
    alerted_first(provoker)


def test_a_device_that_has_nothing_to_do(provoker: Provoker, tmp_path: Path) -> None:
    patience = Thresholds(idle_share=0.5, idle_seconds=(1.0, 2.0))
    named(provoker.fail(tmp_path, SLEEPS, thresholds=patience), "idle", "cpu busy")
    alerted_first(provoker)


def test_a_job_that_does_not_end_in_time(provoker: Provoker, tmp_path: Path) -> None:
    failure = provoker.fail(tmp_path, "import time\ntime.sleep(60)", seconds=0.5, grace=0.5)
    named(failure, "time_out", "time limit")
