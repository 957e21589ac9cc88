"""The rules: what raises an alert and then a kill, and what raises nothing."""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.errors import BadInput
from services.executor.job.events import Event, Metric, Pulse, TrainBegan, TrainEnded
from services.executor.watch.alarm import Alarm, Tick
from services.executor.watch.thresholds import Thresholds, read_thresholds
from services.executor.watch.usage import Usage
from services.executor.watch.watch import Watch

DEFAULT = Thresholds()
BEGAN = TrainBegan(step=0, max_steps=1000)


def shown(events: Iterable[tuple[float, Event | Tick]], thresholds: Thresholds = DEFAULT) -> list[Alarm]:
    """What these events raise; each with its time in seconds."""
    watch, raised = Watch.of(thresholds), []
    for at, event in events:
        watch, alarms = watch.see(event, at)
        raised += alarms
    return raised


def logs(values: Iterable[dict[str, float]], thresholds: Thresholds = DEFAULT) -> list[Alarm]:
    """One log a second."""
    metrics = (Metric(step=step, max_steps=1000, values=v) for step, v in enumerate(values, start=1))
    return shown(((float(at), metric) for at, metric in enumerate(metrics)), thresholds)


def losses(*values: float) -> list[Alarm]:
    return logs({"loss": value} for value in values)


def verdicts(alarms: list[Alarm]) -> list[tuple[str, bool]]:
    return [(alarm.rule, alarm.kill) for alarm in alarms]


def alerted_then_killed(alarms: list[Alarm], rule: str) -> None:
    assert verdicts(alarms) == [(rule, False), (rule, True)]
    assert all(any(char.isdigit() for char in alarm.evidence) for alarm in alarms)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_loss_that_is_no_number_alerts_and_then_kills(bad: float) -> None:
    raised = losses(2.0, 1.9, bad, math.nan, math.nan)
    alerted_then_killed(raised, "nan")
    assert f"loss is {bad} at step 3" in raised[1].evidence


def test_logs_far_above_the_lowest_loss_are_divergence() -> None:
    alerted_then_killed(losses(1.0, *[6.1] * 5), "diverged")


def test_a_spike_that_passes_kills_nothing() -> None:
    assert not any(alarm.kill for alarm in losses(1.0, *[50.0] * 4, 2.0, *[50.0] * 4, 1.5))
    assert losses(1.0, 50.0, 50.0, 1.5) == []


def test_the_negative_loss_of_a_policy_is_no_divergence() -> None:
    assert losses(-0.4, 0.1, 0.3, -0.1, 0.2, 0.5, 0.4, 0.9) == []


def test_other_figures_than_the_loss_raise_nothing() -> None:
    assert logs([{"eval_accuracy": math.nan}] * 10) == []


@given(st.lists(st.floats(min_value=0, max_value=3), min_size=1))
def test_a_loss_below_five_times_its_minimum_plus_one_never_diverges(noise: list[float]) -> None:
    assert "diverged" not in {alarm.rule for alarm in losses(1.0, *(1.0 + abs(n) for n in noise))}


def test_a_flat_loss_is_told_and_killed_only_where_asked() -> None:
    flat = [{"loss": 2.0 + 0.001 * (n % 3)} for n in range(200)]
    assert verdicts(logs(flat)) == [("plateau", False)]
    alerted_then_killed(logs(flat, Thresholds(plateau_kills=True)), "plateau")


def test_a_falling_loss_and_that_of_a_policy_are_no_plateau() -> None:
    assert logs({"loss": 2.0 * 0.99**n} for n in range(300)) == []
    assert logs({"loss": 0.0, "reward": 0.5 + 0.001 * n} for n in range(300)) == []


def steps(until: int, seconds: float) -> list[tuple[float, Event | Tick]]:
    return [(0.0, BEGAN), *((seconds * n, Pulse(step=n)) for n in range(1, until + 1))]


def ticks(begin: float, end: float, usage: Usage | None = None) -> list[tuple[float, Event | Tick]]:
    return [(begin + n, Tick(usage)) for n in range(int(end - begin))]


def test_a_training_that_stops_stepping_is_told_after_a_minute_and_killed_after_two() -> None:
    raised = shown([*steps(10, 1.0), *ticks(10.0, 200.0)])
    alerted_then_killed(raised, "no_progress")
    assert "no step for 60 s after step 10 (one usually takes 1 s" in raised[0].evidence
    assert "no step for 120 s" in raised[1].evidence


def test_slow_steps_are_given_twenty_of_their_own() -> None:
    assert shown([*steps(4, 30.0), *ticks(120.0, 700.0)]) == []
    assert verdicts(shown([*steps(4, 30.0), *ticks(120.0, 730.0)])) == [("no_progress", False)]


def test_parts_of_a_step_and_evaluations_show_life() -> None:
    alive = [(10.0 + 50 * n, Pulse(step=10)) for n in range(20)]
    events = sorted([*steps(10, 1.0), *alive, *ticks(10.0, 960.0)], key=lambda pair: pair[0])
    assert shown(events) == []


def test_the_first_step_may_take_ten_minutes_and_loading_any_time() -> None:
    assert shown([(0.0, BEGAN), *ticks(0.0, 600.0)]) == []
    assert verdicts(shown([(0.0, BEGAN), *ticks(0.0, 700.0)])) == [("no_progress", False)]
    assert shown(ticks(0.0, 5000.0)) == []
    ended = TrainEnded(step=10, seconds=10.0, loss=1.0, stopped_early=False)
    assert shown([*steps(10, 1.0), (10.0, ended), *ticks(10.0, 5000.0)]) == []


def test_a_checkpoint_may_take_as_long_as_the_first_step() -> None:
    logged = Metric(step=10, max_steps=1000, values={"loss": 1.0})
    saving = [*steps(10, 1.0), (10.0, Pulse(step=10, saves=True)), (10.0, logged)]
    assert shown([*saving, *ticks(10.0, 500.0)]) == []
    assert verdicts(shown([*saving, (400.0, Pulse(step=11)), *ticks(400.0, 500.0)])) == [("no_progress", False)]
    assert verdicts(shown([*saving, *ticks(10.0, 700.0)])) == [("no_progress", False)]


def test_an_idle_device_is_told_and_then_killed() -> None:
    def busy(share: float | None) -> list[Alarm]:
        usage = Usage(device="NVIDIA H200", busy=share)
        working = [(float(n), Pulse(step=n)) for n in range(1, 800)]
        return shown(
            sorted([(0.0, BEGAN), *working, *ticks(0.0, 800.0, usage)], key=lambda pair: pair[0])  # type: ignore[list-item]
        )

    raised = busy(0.0)
    alerted_then_killed(raised, "idle")
    assert "NVIDIA H200 busy 0.0% (below 2%) for 120 s" in raised[0].evidence
    assert busy(0.3) == []
    assert busy(None) == []


def rewards(values: Iterable[float], **more: float) -> list[Alarm]:
    return logs({"reward": value, "frac_reward_zero_std": 0.1} | more for value in values)


def noisy(mean: float, logs: int) -> list[float]:
    return [mean + 0.05 * (-1) ** n for n in range(logs)]


def test_a_reward_that_falls_far_below_its_best_and_stays_is_a_collapse() -> None:
    alerted_then_killed(rewards([*noisy(0.7, 30), *noisy(0.1, 40)]), "reward_collapse")


@pytest.mark.parametrize(
    "values",
    [
        [*noisy(0.2, 20), *noisy(0.6, 40)],
        [*noisy(0.7, 30), *noisy(0.5, 60)],
        [*noisy(-2.0, 30), *noisy(-1.0, 30)],
        noisy(0.0, 100),
    ],
)
def test_a_reward_that_rises_or_sways_is_none(values: list[float]) -> None:
    assert rewards(values) == []


def test_a_collapse_that_passes_is_only_told() -> None:
    assert verdicts(rewards([*noisy(0.7, 30), *noisy(0.1, 15), *noisy(0.7, 30)])) == [("reward_collapse", False)]


def test_groups_without_two_unlike_rewards_teach_nothing() -> None:
    alerted_then_killed(rewards([0.0] * 40, frac_reward_zero_std=1.0), "reward_collapse")


def test_a_task_that_is_solved_is_not_killed_for_it() -> None:
    solved = [{"reward": 0.4, "frac_reward_zero_std": 0.2}, *[{"reward": 1.0, "frac_reward_zero_std": 1.0}] * 60]
    assert verdicts(logs(solved)) == [("reward_collapse", False)]


def test_a_kl_that_blows_up_is_told_and_killed_and_one_that_grows_slowly_is_not() -> None:
    alerted_then_killed(logs({"kl": value} for value in [*[0.02] * 30, *[40.0] * 12]), "kl_blow_up")
    alerted_then_killed(logs({"kl": value} for value in [0.0, 0.3, 0.9, *[4.3] * 12]), "kl_blow_up")
    assert logs({"kl": 0.01 * n} for n in range(300)) == []
    assert logs({"kl": value} for value in [*[0.02] * 30, 1e6, 1e6, *[0.02] * 30]) == []


def test_thresholds_are_read_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "watch.yaml"
    path.write_text("plateau_kills: true\nidle_seconds: [5, 10]\n")
    assert read_thresholds(path) == Thresholds(plateau_kills=True, idle_seconds=(5, 10))


@pytest.mark.parametrize("text", ["plateau: true", "idle_seconds: 5", "a: b: c"])
def test_a_file_of_other_things_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "watch.yaml"
    path.write_text(text)
    with pytest.raises(BadInput, match=r"watch\.yaml"):
        read_thresholds(path)
