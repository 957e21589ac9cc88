"""Rows of a dataset that the Curator's mind has found on the Hugging Face Hub, and where exactly they come from."""

from __future__ import annotations

from typing import Literal

from protocol.message import Message, Part

MOST_ROWS = 20_000


class FoundDataset(Part):
    """Where the rows of a source come from that the task does not name."""

    name: str
    """Of the source."""
    dataset: str
    """owner/name on the Hub."""
    config: str
    split: str
    revision: str
    """The dataset's commit when it was taken, …"""
    parquet_revision: str
    """… and that of the Hub's own copy in Parquet, which the rows were read from."""
    license: str | None = None
    """As its card says; None where it says nothing."""
    gated: bool = False
    """Whether its conditions had to be accepted: the user has."""
    columns: dict[str, str]
    """Column of a row → column of the dataset."""
    label_names: bool = False
    """Whether class labels stand by their names, not their numbers."""
    start: int = 0
    most: int
    """Rows that were asked for."""
    read: int
    """Rows that were read, from `start` on."""
    kept: int
    dev_overlap: int = 0
    test_overlap: int = 0
    """Of those that were dropped: how many stand in a held-out split."""
    unfit: int = 0
    """How many the task's templates do not fit, or whose prompt or answer is blank."""
    role: str
    """Who took it, …"""
    model: str
    """… and thinks with which model."""
    rows_sha256: str = ""
    """Of `rows.jsonl`; empty where nothing was kept."""

    def told(self) -> str:
        """In one line, for people."""
        gate = ", gated" if self.gated else ""
        return (
            f"{self.name}: {self.dataset} ({self.config} / {self.split}) of the Hub at {self.revision[:12]}, licence "
            f"{self.license or 'not said'}{gate}; {self.kept} of {self.read} rows kept, from row {self.start} on; "
            f"dropped: {self.unfit} unfit, {self.dev_overlap} in dev, {self.test_overlap} in test"
        )


class DatasetTaken(Message):
    """Rows of a dataset of the Hub were read and checked."""

    type: Literal["dataset_taken"] = "dataset_taken"
    found: FoundDataset
    accepted: bool
    """Whether they are a source that can be trained on."""
    reason: str = ""
    """Why not."""

    def headline(self) -> str:
        return self.found.told() + ("" if self.accepted else f". Refused: {self.reason}")
