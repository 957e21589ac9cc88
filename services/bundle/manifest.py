"""`bundle.json`: what is in a bundle, with hashes, and what its model has scored."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from protocol.data import Split
from protocol.errors import BadInput
from protocol.job import Launch
from protocol.message import Part
from protocol.score import Score
from services.artifacts.manifest import ManifestFile

NAME = "bundle.json"
STEPS, DATA, BASE, SEALED, USE, CODE, METRIC = "steps", "data", "base", "sealed", "use", "code", "task_metric"
"""Folders of a bundle: the scripts of each step, what they train on, the model they begin with, the test split, how
the result is prompted and decoded, the scorer's own code, and the task's metric where it has one of its own."""


class BundleUnusable(BadInput):
    """This is no bundle that can be rerun."""


class Step(Part):
    """One training of the model's lineage. Its folder is copied, and its script run in the copy."""

    experiment: str
    folder: str
    """`steps/1-sft-1`."""
    argv: tuple[str, ...]
    """Script and arguments, run by Python in the folder."""
    launch: Launch
    gpus: int = 0
    """That it asked for: so many processes, where it was several."""
    output: str
    """The folder in it that holds the model in the end."""
    steps: int | None
    """Optimizer steps that it made, and is to make again; None where it did not tell."""
    recorded: bool
    """True when each step's learning rate is repeated as it was; False when only their number is."""


class Base(Part):
    """The model that the first step begins with."""

    name: str
    """Path or Hub id, as the task gave it."""
    sha256: str
    """Over its files, as the scorer reckons it."""
    revision: str | None = None
    """Commit on the Hub."""
    included: bool
    """Whether it is in the bundle."""


class Bundle(Part):
    """The manifest."""

    format: Literal[1] = 1
    run: str
    candidate: str
    base: Base
    chain: tuple[Step, ...]
    """In the order of training; empty for the untouched base model."""
    metric: str
    scores: dict[Split, Score]
    """Of the model that ships, as the run's scorer found them."""
    trained_sha256: str | None
    """Of the last step's model, as it was trained; None for the untouched base model."""
    python: str
    files: tuple[ManifestFile, ...]
    """All others in the bundle."""

    @classmethod
    def load(cls, folder: Path) -> Bundle:
        """Raises `BundleUnusable`."""
        try:
            return cls.model_validate_json((folder / NAME).read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise BundleUnusable(f"{folder} is no bundle: it has no {NAME} (a run's is in runs/<id>/bundle)") from None
        except (OSError, UnicodeDecodeError) as error:
            raise BundleUnusable(f"{folder / NAME} cannot be read: {error}") from error
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"]) or "it"
            raise BundleUnusable(f"{folder / NAME} is broken: {where}: {first['msg']}") from error

    def save(self, folder: Path) -> None:
        text = json.dumps(self.model_dump(mode="json"), indent=1, ensure_ascii=False)
        (folder / NAME).write_text(text + "\n", encoding="utf-8")
