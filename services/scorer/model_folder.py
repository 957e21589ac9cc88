"""A model on disk: where a name leads, which of its files are the model, and the hash over them.

Called by `score`, `ship` and `final_test`. Imports nothing heavy.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from services.run_folder import RunFolder
from services.scorer.evaluation import Evaluation
from services.scorer.files import sha256_file
from services.trained_model import what_is_missing

_SUFFIXES = {".safetensors", ".json", ".model", ".txt", ".jinja", ".tiktoken"}
"""Weights, their index, configuration, tokenizer, chat template."""
INFERENCE_FILES = [f"*{suffix}" for suffix in sorted(_SUFFIXES)]
"""What is downloaded of a repository on the Hub."""
_NOT_THE_MODEL = {"trainer_state.json", "all_results.json", "train_results.json", "eval_results.json", "log.txt"}
HUB_SECONDS = 30.0
"""Time limit of each single request to the Hub; a download as a whole takes as long as it takes."""


class ModelMissing(Exception):
    """There is no model folder under this name. Ends up as a failed score."""


def find_model(name: str, task_folder: Path) -> Path:
    """The folder that a model's name leads to: a path (relative ones from the task's folder), else a Hub id.

    Blocking, and for a Hub id not yet cached as slow as the download. Raises `ModelMissing`.
    """
    for place in (task_folder / name, Path(name)):
        if place.is_dir():
            return place.resolve()
    if name.startswith((".", "/")) or name.count("/") > 1:
        raise ModelMissing(f"there is no model folder {name}")
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(name, allow_patterns=INFERENCE_FILES, etag_timeout=HUB_SECONDS))
    except Exception as error:  # the Hub's client raises a dozen types, all of which mean this
        first = (str(error).splitlines() or [""])[0]
        raise ModelMissing(
            f"{name} is neither a folder nor to be had from the Hub ({type(error).__name__}: {first})"
        ) from error


def find_candidate(name: str, evaluation: Evaluation, run: RunFolder) -> Path:
    """The folder of a candidate: the base model, which the user chose, and `final_model/`, where only the scorer
    writes, as they are; what a job has trained only if it is whole, and nothing that would be dangerous to load.

    Blocking. Raises `ModelMissing` with what is wrong.
    """
    task_folder = Path(evaluation.task_folder)
    place = task_folder / name  # not resolved: it may be a link
    if is_trusted(name, evaluation, run) or not os.path.lexists(place):
        return find_model(name, task_folder)
    missing = what_is_missing(place)
    if missing is not None:
        raise ModelMissing(missing)
    return place


def is_trusted(name: str, evaluation: Evaluation, run: RunFolder) -> bool:
    """Whether no job has written the model of this name."""
    return name in (evaluation.task.base_model, str(run.final_model))


def inference_files(folder: Path) -> list[Path]:
    """The files that make the model, sorted by name: no optimizer state, no checkpoints, no logs, no caches."""
    return sorted(
        path
        for path in folder.iterdir()
        if path.suffix in _SUFFIXES
        and path.name not in _NOT_THE_MODEL
        and not path.name.startswith(".")
        and path.is_file()
    )


def model_sha256(folder: Path) -> str:
    """Hex digest over names and contents of the inference files. Raises `OSError`; `ModelMissing` without weights."""
    files = inference_files(folder)
    if not any(path.suffix == ".safetensors" for path in files):
        raise ModelMissing(f"{folder} holds no *.safetensors weights")
    digest = hashlib.sha256()
    for path in files:
        digest.update(f"{path.name}\0{sha256_file(path)}\n".encode())
    return digest.hexdigest()
