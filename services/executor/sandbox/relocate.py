"""Paths of the sandbox, where nothing can be shown at them: what stands for them instead. Used by `landlock`.

The job is a fork of a process in which libraries have read the environment already, and keep paths from it.
"""

from __future__ import annotations

import sys
import weakref
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

_LIBRARIES = ("huggingface_hub", "datasets", "transformers", "accelerate", "trl", "peft", "wandb", "trackio")


def moved(value: str, places: Mapping[str, str]) -> str:
    """The value with a path at its beginning replaced by the one that stands for it."""
    for old, new in places.items():
        if value == old or value.startswith(f"{old}/"):
            return new + value[len(old) :]
    return value


def modules(places: Mapping[str, str]) -> None:
    """The same for the constants of libraries; and temporary folders of theirs are made anew, for the job to remove."""
    for name, module in list(sys.modules.items()):
        if name.split(".")[0] not in _LIBRARIES:
            continue
        for key, value in list(vars(module).items()):
            if isinstance(value, str | Path) and (new := moved(str(value), places)) != str(value):
                setattr(module, key, type(value)(new))
    for finalizer in list(weakref.finalize._registry):  # type: ignore[attr-defined]
        temporary = (finalizer.peek() or [None])[0]
        if isinstance(temporary, TemporaryDirectory):
            finalizer.detach()  # it would remove the folder of the process that we were forked from
            temporary.name = moved(temporary.name, places)
            Path(temporary.name).mkdir(exist_ok=True)
