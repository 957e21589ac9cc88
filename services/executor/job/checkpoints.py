"""What the executor adds to a Trainer's checkpoints: the time that was trained, and which of them are kept.

Used by `callback`, inside the job's process.
"""

from __future__ import annotations

import functools
import math
import re
import shutil
from pathlib import Path
from typing import Any

_CHECKPOINT = re.compile(r"checkpoint-(\d+)")
_KEY = "PostdocsClock"
"""In `trainer_state.json`, among the states of callbacks: the Trainer writes and reads them with a checkpoint."""


def write_trained(state: Any, seconds: float) -> None:
    """Let the next checkpoint say that `seconds` were trained up to it. `state`: the `TrainerState`."""
    state.stateful_callbacks[_KEY] = {"args": {}, "attributes": {"seconds": seconds}}


def trained_before(state: Any) -> float:
    """Seconds that were trained up to the checkpoint which training goes on from; 0 at a beginning."""
    kept = state.stateful_callbacks.get(_KEY) if state.global_step else None
    seconds = float(kept["attributes"]["seconds"]) if kept else 0.0
    return seconds if math.isfinite(seconds) and seconds > 0 else 0.0


def last_loss(state: Any) -> float | None:
    """The loss that was logged last before the checkpoint which training goes on from."""
    logged = [log["loss"] for log in state.log_history if "loss" in log] if state.global_step else []
    return float(logged[-1]) if logged else None


def train_no_further(trainer: type) -> None:
    """Have a `Trainer` class that goes on from the checkpoint of its last step train none, and end.

    By itself it makes one step more: it looks whether it has reached `max_steps` after a step only. That checkpoint is
    what a job goes on from whose worker died between the training's end and the job's.
    """
    run_epoch = getattr(trainer, "_run_epoch", None)
    if run_epoch is None:  # another version of transformers
        return

    @functools.wraps(run_epoch)
    def unless_at_its_end(self: Any, *args: Any, **kwargs: Any) -> None:
        if 0 < self.state.max_steps <= self.state.global_step:
            self.control.should_training_stop = True
        else:
            run_epoch(self, *args, **kwargs)

    setattr(trainer, "_run_epoch", unless_at_its_end)  # noqa: B010, an assignment would be of unknown type


def keep_newest(folder: Path, count: int, best: str | None) -> None:
    """Remove all but the `count` newest checkpoints, and the best one where the Trainer keeps track of it.

    The Trainer's own rotation, `save_total_limit`, deletes before it says that the new checkpoint is whole, and file
    by file: killed in between it leaves an old one that looks whole and is not. Here a checkpoint is out of the way
    by one rename first.
    """
    found = [path for path in folder.iterdir() if _CHECKPOINT.fullmatch(path.name) and path.is_dir()]
    found.sort(key=lambda path: int(path.name.rsplit("-", 1)[1]))
    for path in found[:-count]:
        if best is None or path.resolve() != Path(best).resolve():
            aside = path.with_name(f"old-{path.name}")
            shutil.rmtree(aside, ignore_errors=True)  # left by a crash
            path.rename(aside)
            shutil.rmtree(aside, ignore_errors=True)
