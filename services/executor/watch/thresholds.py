"""When the rules fire: all figures in one place, each with its reason. A worker has one `Thresholds` for all jobs."""

from __future__ import annotations

from pathlib import Path

import yaml
from pydantic import ValidationError

from protocol.errors import BadInput
from protocol.message import Part


class Thresholds(Part):
    """Counts are of logs in a row, times are in seconds. The first figure of a pair alerts, the second kills."""

    nan_logs: tuple[int, int] = (1, 2)
    """The first is told, the second ends it: gradients of a NaN are NaN, and so are the weights after one step."""

    diverged_factor: float = 5.0
    diverged_margin: float = 1.0
    """Diverged: the loss is above factor × its lowest + margin. The margin keeps a loss near zero, as GRPO's is, from
    tripping the factor."""
    diverged_logs: tuple[int, int] = (3, 5)
    """Loss spikes of one or two logs recover by themselves (Chowdhery et al. 2022, arXiv:2204.02311, section 5.1)."""

    plateau_gain: float = 0.005
    """Improvement: the mean loss of a window is lower by this share than the best window's before it."""
    plateau_window: int = 20
    """Logs of a window: the mean of 20 noisy batches is known to about a fifth of their spread."""
    plateau_windows: int = 3
    """Windows in a row without improvement. A warm-up or one hard stretch of data is shorter."""
    plateau_kills: bool = False
    """A flat loss is no failure: the metric may still rise. A kill only where it is asked for."""

    step_factor: float = 20.0
    """No progress: no step for so many usual ones. Saving, evaluating and garbage take a few, a hang takes for ever."""
    step_seconds: float = 60.0
    """… and never less than this: a tiny model's 20 steps are over in a second."""
    first_step_seconds: float = 600.0
    """Until the first step nothing is usual yet: kernels are compiled, an engine starts, the first completions come.
    While a checkpoint is written, too: 140 GB of a 70-billion-parameter model at 0.3 GB/s take 470 s."""
    no_progress_kill: float = 2.0
    """Times the above: killed."""

    idle_share: float = 0.02
    """Busy share of the device below which nothing is computed: a GPU job that trains on the CPU shows 0."""
    idle_seconds: tuple[float, float] = (120.0, 600.0)
    """A long save or the tokenising of a data set is over by then."""

    reward_window: int = 10
    """Logs whose mean is compared: the reward of one batch is noise."""
    reward_drop: float = 0.5
    """Collapse: the mean lies below the best window's by more than this share of it …"""
    reward_deviations: float = 3.0
    """… and by more than so many deviations of that window's logs, which spares a reward near zero."""
    reward_logs: tuple[int, int] = (1, 20)
    """Windows in a row, each one log further on."""
    zero_std_logs: tuple[int, int] = (10, 30)
    """Logs in a row in which no group has two unlike rewards: every advantage is zero, nothing is learnt (DAPO, Yu et
    al. 2025, arXiv:2503.14476, section 3.2)."""

    kl_floor: float = 1.0
    """Nats a token. The entropy of a language model's token is about as much: beyond, the policy is another model."""
    kl_factor: float = 10.0
    """Blow-up: beyond the floor, and so many times the median of the logs before."""
    kl_window: int = 20
    kl_logs: tuple[int, int] = (3, 10)
    """The estimator is exponential in the log ratio (http://joschu.net/blog/kl-approx.html, k3): one odd token makes
    one log huge."""


def read_thresholds(path: Path) -> Thresholds:
    """From a YAML file that names those that are to be others. Raises `BadInput`."""
    try:
        return Thresholds.model_validate(yaml.safe_load(path.read_text()) or {})
    except (OSError, yaml.YAMLError) as error:
        raise BadInput(f"thresholds {path}: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        raise BadInput(f"thresholds {path}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from error
