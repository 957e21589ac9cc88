"""Runs a step's script, in its folder, for as many optimizer steps as it made:

    python -m services.bundle.step STEPS SCRIPT ARGUMENTS…      # STEPS 0: as long as the script likes

Registered with every Trainer to come, as the executor's own callback is (`services/executor/job/callback.py`).
"""

from __future__ import annotations

import runpy
import sys
from pathlib import Path
from typing import Any

SMALL_BYTES = 200_000_000
"""Of weights: a smaller model trains fastest, and always alike, with one CPU thread."""


def stop_after(steps: int) -> None:
    import transformers.trainer
    from transformers import TrainerCallback

    class StopAfter(TrainerCallback):  # type: ignore[misc]
        """Ends each training after so many steps."""

        def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            if state.global_step >= steps:
                control.should_training_stop = True

    transformers.trainer.DEFAULT_CALLBACKS.append(StopAfter)


def use_one_thread_for_small_models() -> None:
    """The order in which numbers are added up depends on the number of threads."""
    import torch

    weights = sum(path.stat().st_size for path in Path("../../base").glob("*.safetensors"))
    if not torch.cuda.is_available() and weights <= SMALL_BYTES:
        torch.set_num_threads(1)


def main() -> None:
    steps, script, *arguments = sys.argv[1:]
    use_one_thread_for_small_models()
    if int(steps):
        stop_after(int(steps))
    sys.argv = [script, *arguments]
    sys.path.insert(0, str(Path(script).resolve().parent))
    runpy.run_path(script, run_name="__main__")


if __name__ == "__main__":
    main()
