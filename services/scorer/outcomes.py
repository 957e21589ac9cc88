"""Item outcomes of every candidate, under `sealed/outcomes/<split>/`: what paired comparisons are made of."""

from __future__ import annotations

import urllib.parse
from pathlib import Path

from protocol.data import Split
from protocol.message import Part
from protocol.score import Decoding
from services.run_folder import RunFolder
from services.scorer.files import PRIVATE_FILE, private_folder, write_whole


class Outcomes(Part):
    """How one candidate did on each item, in the order of the split."""

    candidate: str
    split: Split
    split_sha256: str
    model_sha256: str
    decoding: Decoding
    n: int
    values: tuple[float, ...] = ()
    """One per item, in [0, 1]; none where a benchmark tells the mean alone."""
    mean: float | None = None
    stderr: float | None = None
    """Of the mean, instead of `values`."""


def keep(outcomes: Outcomes, folder: RunFolder) -> None:
    """Write them down; a shorter look at the very same model does not overwrite a longer one."""
    before = find(outcomes.candidate, outcomes.split, folder)
    if before is not None and before.n > outcomes.n and _same(before, outcomes):
        return
    path = _path(outcomes.candidate, outcomes.split, folder)
    private_folder(path.parent.parent)
    private_folder(path.parent)
    write_whole(path, outcomes.model_dump_json(), PRIVATE_FILE)


def find(candidate: str, split: Split, folder: RunFolder) -> Outcomes | None:
    """What was kept for a candidate, or None."""
    try:
        return Outcomes.model_validate_json(_path(candidate, split, folder).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None


def _same(one: Outcomes, other: Outcomes) -> bool:
    return (one.model_sha256, one.split_sha256, one.decoding) == (
        other.model_sha256,
        other.split_sha256,
        other.decoding,
    )


def _path(candidate: str, split: Split, folder: RunFolder) -> Path:
    name = urllib.parse.quote(candidate, safe="")  # a candidate's name cannot lead out of the folder
    return folder.sealed / "outcomes" / split / f"{name}.json"
