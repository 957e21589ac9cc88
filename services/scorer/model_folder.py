"""A model on disk: where a name leads, which of its files are the model, and the hash over them.

Called by `score`, `ship` and `final_test`. Imports nothing heavy.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from services.scorer.files import sha256_file

_SUFFIXES = {".safetensors", ".json", ".model", ".txt", ".jinja", ".tiktoken"}
"""Weights, their index, configuration, tokenizer, chat template."""
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

    wanted = [f"*{suffix}" for suffix in sorted(_SUFFIXES)]
    try:
        return Path(snapshot_download(name, allow_patterns=wanted, etag_timeout=HUB_SECONDS))
    except Exception as error:  # the Hub's client raises a dozen types, all of which mean this
        first = (str(error).splitlines() or [""])[0]
        raise ModelMissing(
            f"{name} is neither a folder nor to be had from the Hub ({type(error).__name__}: {first})"
        ) from error


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
