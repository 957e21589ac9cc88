"""Trains the model of a bundle again, from its base through all of its steps, in a folder beside. The scripts run as
they are, without a sandbox: rebuild only bundles whose maker you trust.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import yaml

from protocol.errors import BadInput, PostdocsError
from services.bundle.manifest import BASE, DATA, METRIC, STEPS, Bundle, BundleUnusable, Step
from services.executor.job import several
from services.scorer.model_folder import INFERENCE_FILES, ModelMissing, find_model, model_sha256

CONFIG = "accelerate.yaml"
LOG_LINES = 8
"""Of a failed step, that are told."""


class RebuildFailed(PostdocsError):
    """A step did not run to its end."""


def rebuild(bundle: Bundle, folder: Path, work: Path, say: Callable[[str], None]) -> Path:
    """The folder of the rebuilt model; of the base itself when nothing was trained. `work` is empty, and is filled.

    Raises `BundleUnusable` when the base is not to be had or is another, `RebuildFailed`.
    """
    base = base_folder(bundle, folder)
    (work / BASE).symlink_to(base, target_is_directory=True)
    for name in (DATA, METRIC):
        if (folder / name).is_dir():
            (work / name).symlink_to((folder / name).resolve(), target_is_directory=True)
    model = base
    for number, step in enumerate(bundle.chain, start=1):
        told = f"{step.steps} steps" if step.steps else "as long as it takes"
        say(f"step {number} of {len(bundle.chain)}: {step.experiment}, {told}")
        model = _run(step, folder, work)
    return model


def base_folder(bundle: Bundle, folder: Path) -> Path:
    """Where the base is: in the bundle, else where the task named it. Raises `BundleUnusable`."""
    if bundle.base.included:
        return (folder / BASE).resolve()
    try:
        place = _from_hub(bundle) if bundle.base.revision else find_model(bundle.base.name, folder)
        digest = model_sha256(place)
    except (ModelMissing, OSError, ValueError) as error:
        raise BundleUnusable(
            f"the base model {bundle.base.name} is not in the bundle, and cannot be had: {error}"
        ) from error
    if digest != bundle.base.sha256:
        raise BundleUnusable(
            f"the base model {bundle.base.name} is not the one that was trained: its sha256 is {digest[:12]}…, not "
            f"{bundle.base.sha256[:12]}…"
        )
    return place


def _from_hub(bundle: Bundle) -> Path:
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(bundle.base.name, revision=bundle.base.revision, allow_patterns=INFERENCE_FILES))
    except Exception as error:  # the Hub's client raises a dozen types, all of which mean this
        raise ModelMissing((str(error).splitlines() or [type(error).__name__])[0]) from error


def _run(step: Step, folder: Path, work: Path) -> Path:
    place = work / step.folder
    shutil.copytree(folder / step.folder, place)
    log = place / "output.log"
    with log.open("wb") as output:
        done = subprocess.run(
            _command(step, place),
            cwd=place,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=_environment(step),
            check=False,
        )
    model = place / step.output
    if done.returncode:
        last = "\n".join(log.read_text(errors="replace").splitlines()[-LOG_LINES:])
        raise RebuildFailed(f"{step.experiment} ended with exit code {done.returncode} ({log}):\n{last}")
    if not any(model.glob("*.safetensors")):
        raise RebuildFailed(f"{step.experiment} left no model in {model} ({log})")
    return model


def _command(step: Step, place: Path) -> list[str]:
    training = ["-m", "services.bundle.step", str(step.steps or 0), *step.argv]
    if step.launch == "python":
        return [sys.executable, *training]
    (place / CONFIG).write_text(yaml.safe_dump(several.config(step.launch, step.gpus)))
    return [sys.executable, "-m", "accelerate.commands.launch", "--config_file", CONFIG, *training]


def _environment(step: Step) -> dict[str, str]:
    """As ours, but for keys and for what would make it less alike; with our own code to be found."""
    kept = {name: value for name, value in os.environ.items() if not name.endswith(("_KEY", "_TOKEN", "_SECRET"))}
    ours = str(Path(__file__).resolve().parents[2])
    given = os.pathsep.join(part for part in (ours, kept.get("PYTHONPATH")) if part)
    kept |= several.environment(step.gpus) if step.launch != "python" else {}
    return kept | {"PYTHONPATH": given, "PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1", "WANDB_MODE": "disabled"}


def steps_of(bundle: Bundle) -> str:
    """The lineage in a line, for people."""
    return " → ".join([bundle.base.name, *(step.experiment for step in bundle.chain)]) or STEPS


def empty(work: Path) -> Path:
    """`work`, made; raises `BadInput` when something is in it."""
    work.mkdir(parents=True, exist_ok=True)
    if any(work.iterdir()):
        raise BadInput(f"{work} is not empty: name a folder that is, or that is not there yet")
    return work.resolve()
